"""Step 6 at its end: the last state and the report go to the ledger, and what nobody needs any more goes away."""

import logging
from datetime import UTC, datetime, timedelta

import azure.durable_functions as df
from azure.storage.blob.aio import ContainerClient

from activities.log import log
from ingestion.contracts import FinishRequest
from ingestion.errors import first_line
from ingestion.run.clean_up import sweep
from ingestion.run.closing import close
from ingestion.run.ledger import Ledger
from ingestion.settings import load_settings
from ingestion.storage import open_storage, storage_errors
from ingestion.wire import from_wire

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def finish_run(request: dict) -> None:
    """Close the ledger of a run and clean up after it: a `FinishRequest` in.

    All of it may be done twice. What stands in the way is raised; the run has ended all the same.
    """
    finished = from_wire(FinishRequest, request)
    settings = load_settings()
    container = open_storage(settings).container
    with storage_errors(f"close the ledger of run {finished.run_id}"):
        deleted = await close(Ledger(container, finished.run_id), finished, datetime.now(UTC))
    if deleted is None:
        return
    log_end(finished, deleted)
    if settings.ledger_days:
        await _sweep(container, settings.ledger_days)


def log_end(finished: FinishRequest, deleted: int) -> None:
    """Log that a run has ended, and how."""
    totals = finished.state.totals
    log(
        "run_ended",
        "a run has ended",
        level=logging.INFO if finished.outcome in ("completed", "cancelled") else logging.WARNING,
        run_id=finished.run_id,
        source=finished.state.request.source,
        outcome=finished.outcome,
        fetched=totals.fetched,
        enqueued=totals.enqueued,
        rejected=totals.rejected,
        failed=totals.failed,
        seconds=finished.seconds,
        deleted_blobs=deleted,
    )


async def _sweep(container: ContainerClient, days: int) -> None:
    """Let old ledgers go; whatever stands in the way is no failure of the run that has just ended."""
    try:
        swept = await sweep(container, datetime.now(UTC) - timedelta(days=days))
    except Exception as error:
        log(
            "sweep_failed", "old ledgers could not be swept", level=logging.WARNING, reason=first_line(error), days=days
        )
        return
    if swept:
        log("ledgers_swept", "ledgers past their time are gone", runs=len(swept), days=days)
