"""How a run has ended, in few lines, and what to do next."""

from typing import Any

from terminal.view import PARTS, Run, identity
from terminal.words import count, duration, one_line

FEW = 3  # failures that are shown; `sluice failures` has all


def report(run: Run) -> list[str]:
    """Return how a run has ended."""
    told = run["report"] or {}
    took = f" after {duration(told['seconds'])}" if told.get("seconds") is not None else ""
    lines = [f"{run['run_id']}  {run['status']}{took}"]
    counts = told if all(name in told for name in ("fetched", *PARTS)) else run["progress"]
    if counts:
        lines.append(identity(counts))
    return lines + findings(run)


def findings(run: Run) -> list[str]:
    """Return what is to be known of a run beside its counts."""
    told, lines = run["report"] or {}, list[str]()
    if error := run.get("error") or told.get("error"):
        lines.append(f"error: {one_line(error)}")
    by_error: dict[str, list[dict[str, Any]]] = {}
    for failure in told.get("failures", ())[:FEW]:
        by_error.setdefault(one_line(failure["error"]), []).append(failure)
    for text, failures in by_error.items():
        chunks = ", ".join(str(one["chunk"]) for one in failures)
        failed = count(sum(one["failed"] for one in failures))
        lines.append(f"{'chunk' if len(failures) == 1 else 'chunks'} {chunks}: {failed} failed: {text}")
    if (more := told.get("chunks_failed", 0) - FEW) > 0:
        lines.append(f"and {count(more)} more chunks")
    if doubles := told.get("possible_duplicates"):
        lines.append(f"up to {count(doubles)} messages may be on the queue twice")
    return lines + [f"warning: {one_line(warning.get('message', warning))}" for warning in told.get("warnings", ())]


def next_steps(run: Run) -> list[tuple[str, str]]:
    """Return the commands that are worth a thought after the end, and what each is for."""
    counts, steps = run["report"] or run["progress"] or {}, []
    if counts.get("failed"):
        steps.append(("failures", "what failed, by reason"))
    if counts.get("rejected"):
        steps.append(("rejected", "what no queue took"))
    if run["status"] != "completed" and "redrive" in run.get("actions", ()):
        steps.append(("redrive", "does the rest, once the cause is removed"))
    return steps
