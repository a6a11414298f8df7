"""Writes the failed chunks of a window to the ledger, where a redrive finds them."""

import azure.durable_functions as df

from ingestion.contracts import FailedChunks
from ingestion.run.failed import record, settle
from ingestion.run.ledger import Ledger
from ingestion.settings import load_settings
from ingestion.storage import open_storage, storage_errors
from ingestion.wire import from_wire, to_wire

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def record_failed(request: dict) -> dict:
    """Record which chunks of a batch failed, and tell what was sent of them all the same.

    `FailedChunks` in, `Settled` out. What stands in the way is raised, and ends the run.
    """
    window = from_wire(FailedChunks, request)
    with storage_errors(f"record the failed chunks of batch {window.batch.index} of run {window.run_id}"):
        ledger = Ledger(open_storage(load_settings()).container, window.run_id)
        settled = await settle(ledger, window)
        await record(ledger, window, settled)
    return to_wire(settled)
