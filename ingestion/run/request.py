"""The request of a run: `runs/{run_id}/request.json`. It names the folder of the present start (one life of a run id).

All other blobs of a start are in its folder. A start after `DELETE`, or after the keeper has deleted an old ledger,
gets a new folder, so two starts of one id share no blob. The lock of the run is a lease on the request.
"""

import secrets
from datetime import datetime

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob.aio import BlobClient, ContainerClient

from ingestion.contracts import Run, RunRequest, RunState
from ingestion.errors import StorageRefused
from ingestion.reads import Reads
from ingestion.run import run_state
from ingestion.storage.json_blob import read_json, write_json
from ingestion.wire import JsonObject, from_wire


def new_start(now: datetime) -> str:
    """Return a name for a new start: the time, for people to read, and a random part that makes the name unique."""
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


async def create_request(container: ContainerClient, request: JsonObject) -> JsonObject:
    """Write the request unless there is one; return the one that is there."""
    blob = request_blob(container, request["run_id"])
    try:
        await write_json(blob, request, match_condition=MatchConditions.IfMissing)
    except HttpResponseError as error:
        if error.status_code not in (409, 412):  # it exists, or it exists and is locked
            raise
        found = await read_json(blob)
        return request if found is None else found
    return request


async def read_request(container: ContainerClient, run_id: str) -> JsonObject | None:
    """Return the request of a run; None if there is no such run."""
    return await read_json(request_blob(container, run_id))


def run_of(request: JsonObject) -> Run:
    """Return the start that a request names."""
    return Run(request["run_id"], request["start"])


def reads_of(request: JsonObject) -> Reads | None:
    """Return what a run reads of its source; None if its source has neither a range nor parameters."""
    return from_wire(Reads, request["reads"]) if "reads" in request else None


async def read_reads(container: ContainerClient, run: Run) -> Reads | None:
    """Return what a run reads of its source. Raise StorageRefused if this start of the run was deleted."""
    request = await read_request(container, run.id)
    if request is None or run_of(request) != run:
        raise StorageRefused(
            f"the start {run.start} of run {run.id} was deleted, so its fetch has stopped: nothing is left to do for it"
        )
    return reads_of(request)


def first_state(request: JsonObject) -> RunState:
    """Return the state of a run that has done nothing yet."""
    return run_state.start(run_of(request), from_wire(RunRequest, request["request"]), request["started_at"])


def request_blob(container: ContainerClient, run_id: str) -> BlobClient:
    """Return the blob of a run's request."""
    return container.get_blob_client(f"runs/{run_id}/request.json")
