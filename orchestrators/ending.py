"""The end of a run: close its ledger, then return the report or fail with the reason."""

from collections.abc import Generator
from datetime import datetime
from typing import Any

import azure.durable_functions as df

from activities.finish_run import finish_run
from ingestion.contracts import RunState, SettledChunks
from ingestion.errors import PermanentError
from ingestion.run import run_report, run_state
from ingestion.wire import from_wire, to_wire
from orchestrators.drain import RETRY, drain, failure_text


def end(context: df.DurableOrchestrationContext, state: RunState) -> Generator[Any, Any, dict[str, Any]]:
    """Close the ledger and return the report. Raise PermanentError with the reason if the run has failed."""
    context.set_custom_status(run_report.progress(state, "ending"))
    now = context.current_utc_datetime
    seconds = (now - datetime.fromisoformat(state.started_at)).total_seconds()
    finished = run_report.finish(state, now.isoformat(), seconds)
    [closed] = yield from drain(context, [context.call_activity_with_retry(finish_run, RETRY, to_wire(finished))])
    if finished.outcome == "failed":
        raise PermanentError(run_state.reason(state))
    if isinstance(closed, Exception):
        report = run_report.report(finished)
        report["warnings"].append({"warning": "ledger_not_closed", "message": failure_text(closed)})
        return report
    return run_report.report(finished, from_wire(SettledChunks, closed).chunks)
