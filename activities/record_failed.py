"""Write the failed chunks of a window to the ledger, where a redrive finds them."""

import azure.durable_functions as df

from activities.activity import activity
from activities.log import log
from ingestion.contracts import FailedChunks, SettledChunks, Sums
from ingestion.open_storage import Storage
from ingestion.run import timeline
from ingestion.run.failed import record
from ingestion.run.ledger import Ledger
from ingestion.settings import Settings

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
@activity(FailedChunks, SettledChunks, doing="record the failed chunks of run {0.run.id}")
async def record_failed(failed: FailedChunks, storage: Storage, settings: Settings) -> SettledChunks:
    """Record the failed chunks and return how much of each was sent. An error here ends the run."""
    settled = await record(Ledger(storage.container, failed.run), failed)
    sums = sum((one.sums for one in settled), Sums())
    log(
        "failed_recorded",
        "failed chunks are in the ledger",
        run_id=failed.run.id,
        chunks=sums.chunks,
        enqueued=sums.enqueued,
        rejected=sums.rejected,
        failed=sums.left,
    )
    event = timeline.event("failed", f"{len(failed.chunks)} chunks failed: {failed.error}")
    await timeline.append(storage.container, failed.run, event)
    return SettledChunks(chunks=settled)
