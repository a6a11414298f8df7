"""What somebody wishes of a run that goes on, in one blob that every chunk and every fetch looks at before it starts.

Enters: pause, resume, cancel. Leaves: the wish that holds back what has not started yet, or nothing. The blob is the
truth; the event that is raised beside it only wakes a run that waits. A wish names the run that it is meant for by its
start, so that it does not hold back a later one with the same id.
"""

from datetime import UTC, datetime

from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import Counted, EnqueueRequest, Receipt
from ingestion.errors import InvalidInput
from ingestion.run.failed import counted_in
from ingestion.run.ledger import Ledger, change_json, is_of, read_json
from ingestion.run.run_state import CANCEL, PAUSE
from ingestion.sending.checkpoint import find_checkpoint
from ingestion.started_at import is_younger_run
from ingestion.storage import storage_errors
from ingestion.wire import JsonObject

GO = "go"


def following(current: str, wished: str) -> str:
    """The wish after `wished` was said over `current`. Raises InvalidInput for a run that is being cancelled."""
    if current == CANCEL and wished != CANCEL:
        raise InvalidInput("run_id", "the run is being cancelled", "to redrive it once it has ended")
    return wished


async def express(ledger: Ledger, started_at: str, wished: str) -> None:
    """Make `wished` what holds for the run that was started then. Raises InvalidInput if it cannot."""
    asked_at = datetime.now(UTC).isoformat()

    def change(found: JsonObject | None) -> JsonObject:
        if found is not None and is_younger_run(found.get("started_at"), started_at):
            raise InvalidInput("run_id", "the run was deleted, and another was started with its id", "to look again")
        current = found["wish"] if found is not None and is_of(found, started_at) else GO
        return {"started_at": started_at, "wish": following(current, wished), "asked_at": asked_at}

    await change_json(ledger.blob("control.json"), change)


async def clear(ledger: Ledger) -> None:
    """Forget what was wished: the run is redriven."""
    await change_json(ledger.blob("control.json"), lambda found: found and {**found, "wish": GO})


async def read_wish(container: ContainerClient, run_id: str, started_at: str) -> str | None:
    """What holds the run that was started then back: PAUSE, CANCEL, or nothing."""
    with storage_errors(f"look at the wishes for run {run_id}"):
        found = await read_json(Ledger(container, run_id).blob("control.json"))
    return found["wish"] if found and is_of(found, started_at) and found["wish"] in (PAUSE, CANCEL) else None


async def hold(container: ContainerClient, request: EnqueueRequest) -> Receipt | None:
    """The receipt of a chunk that is held back, counting what an earlier attempt has sent; None if it may start."""
    wish = await read_wish(container, request.run_id, request.run_started_at)
    if wish is None:
        return None
    with storage_errors(f"read the checkpoint of chunk {request.chunk_index} of {request.blob}"):
        found = await find_checkpoint(container, request)
    if found is not None and found.receipt is not None:
        return found.receipt
    sent = Counted(request.chunk_index) if found is None else counted_in(found, request.chunk_index)
    return Receipt(
        batch_index=request.batch_index,
        chunk_index=request.chunk_index,
        count=request.count,
        enqueued=sent.enqueued,
        rejected=sent.rejected,
        held=wish,
    )
