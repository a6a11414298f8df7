"""The ledger of a run: what a person, an audit or a redrive needs of it, in blobs under `runs/{run_id}/`.

`request.json` is what was asked for, and the lock under which a run is started; `state.json` the state at the start of
the last window, or at the end; `failed/{batch}.json` the failed chunks; `report.json` the report. Rejects, checkpoints
and the spool lie beside them. Every write is conditional: an older copy of an activity never replaces what a newer one
wrote, nor what belongs to a younger run with the same id; what an older run has left counts as nothing. The blobs are
JSON, indented for reading.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, ContainerClient

from ingestion.contracts import RunState
from ingestion.run.run_state import load
from ingestion.started_at import is_same_run, moment
from ingestion.wire import JsonObject, to_wire


class Order(NamedTuple):
    """When a state was, in the life of a run id."""

    started_at: datetime
    attempt: int
    window: int


class Ledger:
    """The ledger of one run."""

    def __init__(self, container: ContainerClient, run_id: str) -> None:
        self.container = container
        self.run_id = run_id

    async def create_request(self, request: JsonObject) -> JsonObject:
        """Write down what was asked for, unless it is there; returns what is there: the first to come wrote it."""
        blob = self.blob("request.json")
        try:
            await _upload(blob, request, match_condition=MatchConditions.IfMissing)
        except HttpResponseError as error:
            if error.status_code not in (409, 412):  # there, or there and locked
                raise
            found = await read_json(blob)
            return request if found is None else found
        return request

    async def request(self) -> JsonObject | None:
        """What was asked for; None if there is no such run."""
        return await read_json(self.blob("request.json"))

    async def record_state(self, state: RunState, recorded_at: str, *, after: RunState | None = None) -> bool:
        """Write the state, unless a newer one is there; says whether it is now the one that is there.

        Newer is one that comes after the state itself, or after the one that `state` was made from.
        """
        base = after or state
        order = Order(moment(base.started_at), base.attempt, base.window)
        new = {"run_id": self.run_id, "recorded_at": recorded_at, "state": to_wire(state)}

        def unless_older(found: JsonObject | None) -> JsonObject | None:
            return new if found is None or _order(found["state"]) <= order else None

        return await change_json(self.blob("state.json"), unless_older) is new

    async def state(self, started_at: str) -> RunState | None:
        """The last state of the run that was started then, None if it has recorded none. Raises UnknownSchema."""
        found = await self._state(started_at)
        return None if found is None else load(found)

    async def state_recorded_at(self) -> datetime | None:
        """The moment at which a state was recorded last, of whichever run with this id; None if there is no state."""
        try:
            recorded_at: datetime = (await self.blob("state.json").get_blob_properties()).last_modified
        except ResourceNotFoundError:
            return None
        return recorded_at

    async def record_report(self, report: JsonObject, attempt: int, window: int = 0) -> None:
        """Write the report of an attempt that ended in this window, unless a later one is there."""
        new = {"run_id": self.run_id, "attempt": attempt, "window": window, **report}

        def unless_older(found: JsonObject | None) -> JsonObject | None:
            return new if found is None or _order(found) <= _order(new) else None

        await change_json(self.blob("report.json"), unless_older)

    async def report(self, started_at: str) -> JsonObject | None:
        """The report of the last attempt of the run that was started then; None as long as that has not closed it."""
        report, state = await read_json(self.blob("report.json")), await self._state(started_at)
        if report is None or not is_of(report, started_at):
            return None
        return report if state is None or _order(state).attempt == report["attempt"] else None

    async def _state(self, started_at: str) -> JsonObject | None:
        found = await read_json(self.blob("state.json"))
        return found["state"] if found is not None and is_of(found["state"], started_at) else None

    def blob(self, name: str) -> BlobClient:
        """A blob of this run."""
        return self.container.get_blob_client(f"runs/{self.run_id}/{name}")


def is_of(record: JsonObject | None, started_at: str) -> bool:
    """Whether a record of the ledger is there, and of the run that was started then."""
    return record is not None and is_same_run(record.get("started_at"), started_at)


async def read_json(blob: BlobClient) -> JsonObject | None:
    """The JSON object in a blob; None if there is no such blob."""
    found, _ = await _read(blob)
    return found


async def change_json(blob: BlobClient, change: Callable[[JsonObject | None], JsonObject | None]) -> JsonObject | None:
    """Replace the JSON object in a blob by what `change` makes of it, as one step however many do so at once.

    `change` gets None for a blob that is not there, may be called again when somebody else was faster, and returns
    None to leave things as they are. Returns what is there afterwards.
    """
    while True:
        found, etag = await _read(blob)
        new = change(found)
        if new is None:
            return found
        condition: dict[str, Any] = {"match_condition": MatchConditions.IfMissing}
        if etag is not None:
            condition = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        try:
            await _upload(blob, new, **condition)
            return new
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
            continue


async def _read(blob: BlobClient) -> tuple[JsonObject | None, str | None]:
    try:
        download = await blob.download_blob()
        found: JsonObject = json.loads(await download.readall())
    except ResourceNotFoundError:
        return None, None
    return found, str(download.properties.etag)


async def _upload(blob: BlobClient, value: JsonObject, **condition: Any) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    await blob.upload_blob(text.encode(), overwrite=True, **condition)


def _order(record: JsonObject) -> Order:
    """Of a state or a report."""
    return Order(moment(record.get("started_at")), record.get("attempt", 0), record.get("window", 0))
