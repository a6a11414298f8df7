"""The end of a run: close its ledger, then return the report or fail with the reason."""

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from ingestion.contracts import RunState
from ingestion.errors import PermanentError
from ingestion.run import run_report, run_state
from orchestrators.calls import together


def end(context: df.DurableOrchestrationContext, state: RunState) -> Generator[Any, Any, dict[str, Any]]:
    """Close the ledger and return the report. Raise PermanentError with the reason if the run has failed."""
    context.set_custom_status(run_report.progress(state, "ending"))
    finished = run_report.finish(state, context.current_utc_datetime)
    [closed] = yield from together(context, [finished])
    if finished.outcome == "failed":
        raise PermanentError(run_state.reason(state))
    if closed.error is None:
        return dict(closed.report)
    report = run_report.report(finished)
    report["warnings"].append({"warning": "ledger_not_closed", "message": closed.error})
    return report
