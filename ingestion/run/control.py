"""What somebody wishes of a run that goes on, in one blob that every chunk and every fetch looks at before it starts.

Enters: pause, resume, cancel. Leaves: the wish that holds back what has not started yet, or nothing. The blob is the
truth; the event that is raised beside it only wakes a run that waits.
"""

from datetime import UTC, datetime

from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import Counted, EnqueueRequest, Receipt
from ingestion.errors import InvalidInput
from ingestion.run.failed import counted_in
from ingestion.run.ledger import Ledger, change_json, read_json
from ingestion.run.run_state import CANCEL, PAUSE
from ingestion.sending.checkpoint import find_checkpoint
from ingestion.storage import storage_errors
from ingestion.wire import JsonObject

GO = "go"


def following(current: str, wished: str) -> str:
    """The wish after `wished` was said over `current`. Raises InvalidInput for a run that is being cancelled."""
    if current == CANCEL and wished != CANCEL:
        raise InvalidInput("run_id", "the run is being cancelled", "to redrive it once it has ended")
    return wished


async def express(ledger: Ledger, wished: str) -> None:
    """Make `wished` what holds for the run from now on. Raises InvalidInput if it cannot."""
    asked_at = datetime.now(UTC).isoformat()

    def change(found: JsonObject | None) -> JsonObject:
        return {"wish": following(found["wish"] if found else GO, wished), "asked_at": asked_at}

    await change_json(ledger.blob("control.json"), change)


async def clear(ledger: Ledger) -> None:
    """Forget what was wished: the run is redriven."""
    await change_json(ledger.blob("control.json"), lambda found: found and {**found, "wish": GO})


async def read_wish(container: ContainerClient, run_id: str) -> str | None:
    """What holds the run back: PAUSE, CANCEL, or nothing."""
    with storage_errors(f"look at the wishes for run {run_id}"):
        found = await read_json(Ledger(container, run_id).blob("control.json"))
    return found["wish"] if found and found["wish"] in (PAUSE, CANCEL) else None


async def hold(container: ContainerClient, request: EnqueueRequest) -> Receipt | None:
    """The receipt of a chunk that is held back, counting what an earlier attempt has sent; None if it may start."""
    wish = await read_wish(container, request.run_id)
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
