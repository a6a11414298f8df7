"""Step 3 of a redrive: what failed before comes out of the ledger in place of a batch from the source."""

import logging

import azure.durable_functions as df

from activities.log import log
from ingestion.contracts import FailedPage, LoadRequest
from ingestion.errors import InvalidInput, PermanentError
from ingestion.run.failed import load
from ingestion.run.ledger import Ledger
from ingestion.settings import load_settings
from ingestion.storage import open_storage, storage_errors
from ingestion.wire import from_wire, to_wire

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def load_failed(request: dict) -> dict:
    """Load the next failed chunks: a `LoadRequest` in, a `FailedPage` out. What can be mended by waiting is raised."""
    wanted = from_wire(LoadRequest, request)
    try:
        with storage_errors(f"load the failed chunks of run {wanted.run_id}"):
            page = await load(Ledger(open_storage(load_settings()).container, wanted.run_id), wanted)
    except (InvalidInput, PermanentError) as error:
        log(
            "ledger_refused",
            "the ledger could not be read or written",
            level=logging.WARNING,
            run_id=wanted.run_id,
            reason=str(error),
        )
        return to_wire(FailedPage(error=str(error)))
    if page.batch is not None:
        log(
            "failed_loaded",
            "failed chunks are done again",
            run_id=wanted.run_id,
            batch=page.batch.index,
            chunks=len(page.chunks),
        )
    return to_wire(page)
