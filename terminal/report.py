"""How a run ended, in a few lines, and what to do next."""

from typing import Any

from terminal.view import PARTS, Run, identity
from terminal.words import count, duration, one_line

FEW = 3  # failures to show; `sluice failures` shows all


def report(run: Run) -> list[str]:
    """Return how a run ended, as lines."""
    ending = run["report"] or {}
    took = f" after {duration(ending['seconds'])}" if ending.get("seconds") is not None else ""
    lines = [f"{run['run_id']}  {run['status']}{took}"]
    counts = ending if all(name in ending for name in ("fetched", *PARTS)) else run["progress"]
    if counts:
        lines.append(identity(counts))
    return lines + findings(run)


def findings(run: Run) -> list[str]:
    """Return the error, failures, possible duplicates and warnings of a run, as lines."""
    ending, lines = run["report"] or {}, list[str]()
    if error := run.get("error") or ending.get("error"):
        lines.append(f"error: {one_line(error)}")
    by_error: dict[str, list[dict[str, Any]]] = {}
    for failure in ending.get("failures", ())[:FEW]:
        by_error.setdefault(one_line(failure["error"]), []).append(failure)
    for text, failures in by_error.items():
        chunks = ", ".join(str(one["chunk"]) for one in failures)
        failed = count(sum(one["failed"] for one in failures))
        lines.append(f"{'chunk' if len(failures) == 1 else 'chunks'} {chunks}: {failed} failed: {text}")
    if (more := ending.get("chunks_failed", 0) - FEW) > 0:
        lines.append(f"and {count(more)} more chunks")
    if duplicates := ending.get("possible_duplicates"):
        lines.append(f"up to {count(duplicates)} messages may be on the queue twice")
    warnings = [one_line(warning.get("message", warning)) for warning in ending.get("warnings", ())]
    return lines + [f"warning: {text}" for text in warnings if text not in one_line(error or "")]


def no_failures(run: Run) -> str:
    """Return that no message of a run failed, and why the run itself failed if it did."""
    error = run.get("error") or (run["report"] or {}).get("error")
    return "no message failed" + (f"; the run did: {one_line(error)}" if error else "")


def next_steps(run: Run) -> list[tuple[str, str]]:
    """Return the commands to consider after the end of a run, each with its purpose."""
    counts, steps = run["report"] or run["progress"] or {}, []
    if counts.get("failed"):
        steps.append(("failures", "shows the failed messages, by reason"))
    if counts.get("rejected"):
        steps.append(("rejected", "shows the messages that no queue accepts"))
    if run["status"] != "completed" and "redrive" in run.get("actions", ()):
        steps.append(("redrive", "does what is left, after you have removed the cause"))
    elif run["status"] in ("completed_with_other_total", "failed") and run.get("actions") and run["source"]:
        again = "reads the source again, if you do not accept what came; consumers see each message again"
        steps.append(("start", again))
    return steps
