"""Step 6 at its end: the last state and the report go to the ledger, and what nobody needs any more goes away."""

import logging
from datetime import UTC, datetime, timedelta

import azure.durable_functions as df
from azure.storage.blob.aio import ContainerClient

from activities.log import log
from ingestion.contracts import FinishRequest
from ingestion.errors import first_line
from ingestion.run.clean_up import clean_up, sweep
from ingestion.run.failed import batches
from ingestion.run.ledger import Ledger, is_of
from ingestion.run.run_report import report
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
    settings, run_id, state = load_settings(), finished.run_id, finished.state
    container = open_storage(settings).container
    with storage_errors(f"close the ledger of run {run_id}"):
        ledger = Ledger(container, run_id)
        if not await ledger.record_state(state, datetime.now(UTC).isoformat()):
            return  # redriven or started again meanwhile: what is there belongs to the newer attempt
        if not is_of(await ledger.request(), state.started_at):
            return  # deleted meanwhile: what is in the spool, if anything, belongs to a younger run
        await ledger.record_report(report(finished), state.attempt)
        deleted = await clean_up(container, run_id, state, [index async for index in batches(container, run_id)])
        _tell(finished, deleted)
    if settings.ledger_days:
        await _sweep(container, settings.ledger_days)


def _tell(finished: FinishRequest, deleted: int) -> None:
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
