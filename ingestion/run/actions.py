"""The actions that a person can take on a run, in the order of the page's buttons."""

from ingestion.run.run_state import OUTCOMES
from ingestion.wire import JsonObject

PAUSE, RESUME, CANCEL, REDRIVE, DELETE = "pause", "resume", "cancel", "redrive", "delete"
OF_AN_OPEN_RUN = {
    "pending": [PAUSE, CANCEL],
    "running": [PAUSE, CANCEL],
    "waiting": [PAUSE, CANCEL],
    "pausing": [RESUME, CANCEL],
    "paused": [RESUME, CANCEL],
    "held": [RESUME, CANCEL],
    "lost": [REDRIVE, DELETE],
}  # a run that is suspended, cancelling or ending allows no action


def actions(status: str, report: JsonObject | None) -> list[str]:
    """Return the actions that a run of this status allows; a redrive only if the report leaves something to do."""
    if status not in OUTCOMES:
        return OF_AN_OPEN_RUN.get(status, [])
    is_done = report is not None and not report.get("failed") and not report.get("pending")
    return [DELETE] if is_done and report and report.get("source_exhausted") else [REDRIVE, DELETE]
