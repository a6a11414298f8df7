"""A run as text: the block that `sluice watch` shows, and the same facts in one line.

Input: the answer of `GET /api/runs/{run_id}`. Output: text. Nothing here does I/O.
"""

from datetime import datetime, timedelta
from typing import Any

from rich.console import Group
from rich.text import Text

from terminal.words import clean, count, duration, now, one_line, rate, until

Run = dict[str, Any]  # the body of GET /api/runs/{run_id}

BAR_CELLS = 40
PARTS = {  # of the fetched messages: the character in the bar (Unicode, ASCII), and its colour
    "enqueued": ("█", "#", "green"),
    "rejected": ("▓", "r", "yellow"),
    "failed": ("X", "x", "red"),
    "pending": ("░", ".", "cyan"),
}
ASIDE = {  # counts of an incremental run: items of the source's total that the run need not send
    "known": "known from the run before",
    "outside": "outside of the range",
}
COLOURS = {
    "completed": "green", "completed_with_failures": "red", "completed_with_rejects": "yellow",
    "completed_with_other_total": "yellow", "failed": "red", "lost": "red", "held": "yellow", "paused": "yellow",
    "pausing": "yellow", "suspended": "yellow", "waiting": "yellow", "cancelled": "magenta", "cancelling": "magenta",
    "terminated": "magenta",
}  # fmt: skip


def block(run: Run, at: datetime | None = None, *, ascii_only: bool = False) -> Group:
    """Return the block that shows a run as of `at` (default: now)."""
    at, progress, estimate = at or now(), counts(run), run.get("estimate") or {}
    lines = [Text.assemble((clean(run["run_id"]), "bold"), f"  {clean(run['source'])}  ", state(run["status"]))]
    if run.get("started_at"):
        last = datetime.fromisoformat(run["ended_at"]) if run.get("ended_at") else at
        lines[0].append(f"  {duration((last - datetime.fromisoformat(run['started_at'])).total_seconds())}", "dim")
    if progress:
        bars = bar(progress, ascii_only=ascii_only).append(f"  fetched {fetched(progress)}")
        lines += [bars, legend(progress, ascii_only=ascii_only), Text(pace(run, at))]
    if why := waits(run, at):
        lines.append(Text(why, "yellow"))
    elif estimate.get("rests_on") and not run["report"]:
        lines.append(Text(one_line(estimate["rests_on"]), "dim"))
    return Group(*lines)


def line(run: Run, at: datetime | None = None) -> str:
    """Return the facts of `block` in one line, for an output that is not a terminal."""
    at, progress = at or now(), counts(run)
    if not progress:
        return str(run["status"])
    of = to_send(progress) if progress["source_total"] or progress["source_exhausted"] else None
    lost = [f"{name} {count(progress[name])}" for name in ("rejected", "failed") if progress[name]]
    words = [
        f"{run['status']:<9} enqueued {count(progress['enqueued'])}/{count(of)}",
        *lost,
        pace(run, at),
        waits(run, at),
    ]
    return "  ".join(word for word in words if word)


def state(status: str) -> Text:
    """Return a status in its colour."""
    return Text(clean(status), COLOURS.get(status, "blue"))


def counts(run: Run) -> Run:
    """Return the progress of a run, with `incremental` from its report; empty if it has no progress yet."""
    progress, carried = run["progress"] or {}, (run["report"] or {}).get("incremental")
    return {**progress, "incremental": carried} if progress and carried else progress


def aside(progress: Run) -> dict[str, int]:
    """Return how many items the run need not send, by the text that says why."""
    carried = progress.get("incremental") or {}
    return {words: carried[name] for name, words in ASIDE.items() if carried.get(name)}


def to_send(progress: Run) -> int:
    """Return how many messages the run has to send: by the source's total, but at least as many as it has fetched."""
    fetched: int = progress["fetched"]
    return max((progress["source_total"] or 0) - sum(aside(progress).values()), fetched)


def bar(progress: Run, *, cells: int = BAR_CELLS, ascii_only: bool = False) -> Text:
    """Return a bar of `cells` cells for what the run has to send, or else has fetched; each part fills its share."""
    known = progress["source_total"] or progress["source_exhausted"]
    total, drawn = max(to_send(progress), 0 if known else 1), Text()
    sizes = {name: max(round(cells * progress[name] / (total or 1)), bool(progress[name])) for name in PARTS}
    used = sum(sizes.values())
    largest = max(sizes, key=lambda name: sizes[name])  # absorbs the rounding error
    sizes[largest] += (cells if progress["fetched"] == total else min(used, cells)) - used
    for name, (shape, letter, colour) in PARTS.items():
        drawn.append((letter if ascii_only else shape) * sizes[name], colour)
    drawn.append((" " if ascii_only else "·") * (cells - len(drawn)), "dim")
    settled = progress["fetched"] - progress["pending"]
    return drawn.append(f"  {100 * settled // total if total else 100} %" if known else "")


def legend(progress: Run, *, ascii_only: bool = False) -> Text:
    """Return the counts of the bar's parts; their sum is the number of fetched messages."""
    parts = [
        Text.assemble((letter if ascii_only else shape, colour), f" {name} {count(progress[name])}")
        for name, (shape, letter, colour) in PARTS.items()
    ]
    return Text("= ").append_text(Text(" + ").join(parts))


def identity(progress: Run) -> str:
    """Return the counts as one equation: fetched = the sum of its parts."""
    return f"fetched {fetched(progress)} = " + " + ".join(f"{name} {count(progress[name])}" for name in PARTS)


def fetched(progress: Run) -> str:
    """Return the number of fetched messages, the source's total if it is known, and what the run left out."""
    total, left_out = progress.get("source_total"), [f"{count(n)} {why}" for why, n in aside(progress).items()]
    of = f" of {count(total)}" if total is not None else ""
    return count(progress["fetched"]) + of + (f" ({', '.join(left_out)})" if left_out else "")


def pace(run: Run, at: datetime) -> str:
    """Return chunks, rate and time left; the estimate was made at `counts_at`, so subtract the time since then."""
    progress, per_second, estimate = run["progress"], run.get("rate") or {}, run.get("estimate") or {}
    fast, left = per_second.get("now"), estimate.get("seconds_left")
    if fast is None:
        fast = per_second.get("overall")
    words = [f"{count(progress['chunks_done'])}/{count(progress['chunks_total'])} chunks", rate(fast)]
    if _lacks_source(run):
        return words[0]
    if left is not None:
        since = (at - datetime.fromisoformat(progress["counts_at"])).total_seconds()
        words.append(f"{duration(max(0.0, left - since))} left")
    return "  ".join(word for word in words if word)


def waits(run: Run, at: datetime) -> str:
    """Return why a run is not progressing, or an empty text if it is."""
    status, progress = run["status"], run["progress"] or {}
    if progress.get("wait_until") and (status == "waiting" or _is_away(run)):
        cause = "the source is not available" if _is_away(run) else "the source asks to wait"
        tried = f", {progress['attempts']} attempts" if progress.get("attempts") else ""
        is_over = status == "running" and datetime.fromisoformat(progress["wait_until"]) <= at
        retry = "the run asks again now" if is_over else f"next request in {until(progress['wait_until'], at)}"
        return f"{cause} ({one_line(progress.get('reason', 'no reason given'))}{tried}): {retry}{_limit(run, at)}"
    if status == "held":
        return f"held because this has changed: {one_line(progress.get('changes', '?'))}; sluice resume accepts it"
    return {
        "pending": "no worker has started it yet",
        "pausing": "a pause was sent; the work is stopping",
        "paused": "paused; sluice resume continues it",
        "suspended": "suspended with the Durable Functions API",
        "cancelling": "a cancel was sent; the work is stopping",
        "lost": "a crash has ended its instance; the keeper restarts it in about two minutes",
    }.get(status, "")


def _is_away(run: Run) -> bool:
    """Return whether the run goes on while its source is away."""
    return run["status"] in ("running", "waiting") and (run["progress"] or {}).get("waiting_for") == "outage"


def _lacks_source(run: Run) -> bool:
    """Return whether the run can do nothing until its source is back, so that a rate means nothing."""
    return _is_away(run) and not run["progress"]["pending"]


def _limit(run: Run, at: datetime) -> str:
    """Return how long the run keeps trying, or an empty text if that is unknown."""
    progress = run["progress"]
    if not progress.get("patience_until"):
        return ""
    if not _is_away(run):
        return f"; the run waits at most {until(progress['patience_until'], at)} for a page"
    ends = datetime.fromisoformat(progress["patience_until"])
    if ends - max(at, datetime.fromisoformat(progress["wait_until"])) < timedelta(seconds=1):
        return "; if no page comes, the run gives up"
    return f"; if no page comes, the run gives up after {until(progress['patience_until'], at)}"
