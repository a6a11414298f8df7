"""Write the last state and the report to the ledger, and delete what is no longer needed (step 6 in docs/design.md)."""

import logging

import azure.durable_functions as df

from activities.activity import activity
from activities.log import log
from ingestion import clock
from ingestion.contracts import FinishOutcome, FinishRequest
from ingestion.open_storage import Storage
from ingestion.run.closing import Closed, close
from ingestion.run.ledger import Ledger
from ingestion.run.run_report import report
from ingestion.settings import Settings

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
@activity(FinishRequest, FinishOutcome, doing="close the ledger of run {0.state.run.id}")
async def finish_run(finished: FinishRequest, storage: Storage, settings: Settings) -> FinishOutcome:
    """Close the ledger of a run, clean up after it, and return its report.

    A second call does no harm. An error does not change the outcome of the run.
    """
    closed = await close(Ledger(storage.container, finished.run), finished, clock.now())
    storage.at_work.forget(finished.run.id)
    if closed is None:
        return FinishOutcome(report=report(finished))
    log_end(closed)
    return FinishOutcome(report=closed.report)


def log_end(closed: Closed) -> None:
    """Log that a run has ended, and how."""
    result = closed.report
    carried = result.get("incremental", {})
    is_quiet = result["outcome"] in ("completed", "cancelled") and not result["warnings"]
    log(
        "run_ended",
        "a run has ended",
        level=logging.INFO if is_quiet else logging.WARNING,
        run_id=closed.run.id,
        source=closed.source,
        **{name: result[name] for name in ("outcome", "fetched", "enqueued", "rejected", "failed", "seconds")},
        deleted_blobs=closed.deleted_blobs,
        **({"watermark": carried.get("watermark"), "watermark_moved": carried["moved"]} if carried else {}),
    )
