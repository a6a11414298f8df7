"""In a redrive or recovery, load failed chunks from the ledger instead of a batch from the source."""

import azure.durable_functions as df

from activities.activity import activity
from activities.log import log
from ingestion.contracts import FailedPage, LoadRequest
from ingestion.open_storage import Storage
from ingestion.run.failed import load
from ingestion.run.ledger import Ledger
from ingestion.settings import Settings

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
@activity(LoadRequest, FailedPage, doing="load the failed chunks of run {0.run.id}")
async def load_failed(wanted: LoadRequest, storage: Storage, settings: Settings) -> FailedPage:
    """Return the next chunks of the redo list."""
    page = await load(Ledger(storage.container, wanted.run), wanted)
    if page.chunks:
        log("failed_loaded", "failed chunks are sent again", run_id=wanted.run.id, chunks=page.sums.chunks)
    return page
