"""The ledger of a run: blobs under `runs/{run_id}/{start}/` for people, audits and redrives.

`state.json` is the state at the start of the last window, or at the end; `report.json` the report; `command.json` the
last command; `failed/` and `redo/` list failed chunks. Rejects, checkpoints and the spool lie beside them. Every write
is conditional: an older copy of an activity never replaces what a newer one wrote.
"""

from datetime import datetime
from typing import NamedTuple

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, ContainerClient

from ingestion.contracts import Run, RunState
from ingestion.run.run_state import load
from ingestion.storage.json_blob import change_json, read_json
from ingestion.wire import JsonObject, to_wire


class Order(NamedTuple):
    """The place of a state among all states of a run: a later state is greater."""

    attempt: int
    window: int


class Ledger:
    """The ledger of one run."""

    def __init__(self, container: ContainerClient, run: Run) -> None:
        self.container = container
        self.run = run

    async def record_state(self, state: RunState, recorded_at: str, *, after: RunState | None = None) -> bool:
        """Write the state unless a newer one is there; return whether it was written.

        A state is newer if it comes after `state`. If `state` was made from the state `after`, it is newer if it comes
        after `after`.
        """
        base = after or state
        order = Order(base.attempt, base.window)
        new = {"run_id": self.run.id, "recorded_at": recorded_at, "state": to_wire(state)}

        def unless_newer(found: JsonObject | None) -> JsonObject | None:
            return new if found is None or _order(found["state"]) <= order else None

        return await change_json(self.blob("state.json"), unless_newer) is new

    async def state(self) -> RunState | None:
        """Return the last recorded state, None if there is none. Raise UnknownSchema."""
        found = await read_json(self.blob("state.json"))
        return None if found is None else load(found["state"])

    async def state_recorded_at(self) -> datetime | None:
        """Return when a state was last recorded; None if none was."""
        try:
            recorded_at: datetime = (await self.blob("state.json").get_blob_properties()).last_modified
        except ResourceNotFoundError:
            return None
        return recorded_at

    async def record_report(self, report: JsonObject, attempt: int, window: int = 0) -> None:
        """Write the report of an attempt that ended in `window`, unless a later one is there."""
        new = {"run_id": self.run.id, "attempt": attempt, "window": window, **report}

        def unless_newer(found: JsonObject | None) -> JsonObject | None:
            return new if found is None or _order(found) <= _order(new) else None

        await change_json(self.blob("report.json"), unless_newer)

    async def report(self) -> JsonObject | None:
        """Return the report of the last attempt; None until it has closed the ledger."""
        report, found = await read_json(self.blob("report.json")), await read_json(self.blob("state.json"))
        if report is None or found is None or _order(found["state"]).attempt == report["attempt"]:
            return report
        return None

    def blob(self, name: str) -> BlobClient:
        """Return a blob of this run."""
        return self.container.get_blob_client(self.run.folder + name)


def _order(record: JsonObject) -> Order:
    """Return the order of a state or a report."""
    return Order(record.get("attempt", 0), record.get("window", 0))
