"""The actions that a person can take on a run, in the order of the page's buttons."""

from ingestion.run.run_state import OUTCOMES

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


def actions(status: str, *, can_redrive: bool) -> list[str]:
    """Return the actions that a run of this status allows; for an ended run, `can_redrive` says if anything is left."""
    if status not in OUTCOMES:
        return OF_AN_OPEN_RUN.get(status, [])
    return [REDRIVE, DELETE] if can_redrive else [DELETE]
