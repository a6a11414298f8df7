"""Writes the state at the start of a window to the ledger, beside the chunks of that window."""

import logging
from datetime import UTC, datetime

import azure.durable_functions as df

from activities.log import log
from ingestion.contracts import Recorded, RecordRequest
from ingestion.errors import InvalidInput, PermanentError
from ingestion.run.control import read_wish
from ingestion.run.ledger import Ledger
from ingestion.settings import load_settings
from ingestion.storage import open_storage, storage_errors
from ingestion.wire import from_wire, to_wire

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def record_window(request: dict) -> dict:
    """Record where a run is: a `RecordRequest` in, a `Recorded` out; it tells the run what is wished of it as well.

    An older copy of the run is told that it is one, and ends. What can be mended by trying again is raised.
    """
    window = from_wire(RecordRequest, request)
    try:
        storage = open_storage(load_settings())
        if window.state.window == 0:
            await storage.prepare()
        with storage_errors(f"record window {window.state.window} of run {window.run_id}"):
            ledger = Ledger(storage.container, window.run_id)
            is_newest = await ledger.record_state(window.state, datetime.now(UTC).isoformat())
        if not is_newest:
            return to_wire(
                Recorded(error="this run has been started again or redriven meanwhile; this copy has stopped")
            )
        wish = await read_wish(storage.container, window.run_id, window.state.started_at)
        return to_wire(Recorded(wish=wish))
    except (InvalidInput, PermanentError) as error:
        log(
            "ledger_refused",
            "the ledger could not be read or written",
            level=logging.WARNING,
            run_id=window.run_id,
            reason=str(error),
        )
        return to_wire(Recorded(error=str(error)))
