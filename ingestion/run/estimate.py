"""How fast a run is, and how long it still takes: pure functions of the counts, which are as of `counts_at`.

Messages are done when they are enqueued or rejected. Nothing here reads the clock, so the answer stays the same until
the run changes.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from ingestion.contracts import Run, RunState
from ingestion.latest import Latest
from ingestion.moment import moment
from ingestion.run import run_state
from ingestion.source_wait import OUTAGE
from ingestion.wire import JsonObject

LATELY = timedelta(seconds=30)  # the present rate is the average over this time
SHORTEST = timedelta(seconds=1)  # two points closer than this give no rate
KEPT_RUNS, KEPT_POINTS = 500, 60
MOVING = ("pending", "running", "ending")  # statuses in which a run goes on by itself
HELD_UP = {  # statuses in which nobody knows when the run goes on
    "pausing": "a person pauses the run",
    "paused": "the run is paused",
    "held": "the run is held until a person accepts the change",
    "suspended": "the run is suspended",
    "cancelling": "the run is being cancelled",
    "lost": "the run is lost until the keeper restarts it",
}


class Point(NamedTuple):
    """How many messages were done at a time."""

    at: datetime
    done: int


class Paces:
    """The last points of each run that a caller asked this process about; the latest KEPT_RUNS runs."""

    def __init__(self, most: int = KEPT_RUNS) -> None:
        self._kept = Latest[Run, list[Point]](most)

    def with_point(self, run: Run, point: Point) -> list[Point]:
        """Return the points of a run; add `point` first if it is newer than the last."""
        points = self._kept.keep(run, self._kept.get(run, []))
        if not points or point.at > points[-1].at:
            points.append(point)
            del points[:-KEPT_POINTS]
        return list(points)


def rate_now(points: Sequence[Point]) -> float | None:
    """Return the messages a second up to the last point, over LATELY or since the point before; None if unknown."""
    if len(points) < 2:
        return None
    last, earlier = points[-1], points[:-1]
    first = next((one for one in earlier if last.at - one.at <= LATELY), earlier[-1])
    if last.at - first.at < SHORTEST:
        return None
    return round(max(0, last.done - first.done) / (last.at - first.at).total_seconds(), 1)


def rate_overall(started_at: str, point: Point) -> float | None:
    """Return the messages a second since the start of the run; None before anything is done."""
    seconds = (point.at - moment(started_at)).total_seconds()
    return round(point.done / seconds, 1) if seconds > 0 and point.done else None


def lacks_source(progress: JsonObject) -> bool:
    """Return whether the run can do nothing until its source is available again, so that no rate holds."""
    return progress.get("waiting_for") == OUTAGE and not progress["pending"]


def estimate(
    state: RunState, status: str, progress: JsonObject, now: float | None, overall: float | None
) -> JsonObject:
    """Return the seconds left from `counts_at` on, the messages in all, and what the estimate is based on.

    `now` and `overall` are the rates, in messages a second.
    """
    total, whose = _total(state, progress)
    if status in HELD_UP:
        return _answer(None, total, f"no estimate: {HELD_UP[status]}")
    if status not in (*MOVING, "waiting"):
        return _answer(None, total, "the run has ended")
    if lacks_source(progress):
        return _answer(None, total, "no estimate: the source is not available")
    wait, waits = _wait(status, progress)
    if total is None:
        silent = "the source does not say how many items it has, and has not been read to its end"
        why = f"no estimate: {silent if progress['batches'] else 'the first batch is still being fetched'}"
        return _answer(None, None, f"{why}{f'; {waits}' if waits else ''}")
    left = total - progress["enqueued"] - progress["rejected"] - progress["failed"]
    rate, over = (overall, "since the start") if now is None or status == "waiting" else (now, "lately")
    if left <= 0:
        return _answer(wait, total, f"nothing is left to send{f'; {waits}' if waits else ''}")
    if not rate:
        still = "no message reached the queue lately" if now == 0 else "nothing is sent yet"
        return _answer(None, total, f"no estimate: {still}; the total is {whose}")
    rests_on = f"{rate:,.0f} messages a second {over}, and {whose}{f'; {waits}' if waits else ''}"
    return _answer(round(left / rate + wait, 1), total, rests_on)


def _answer(seconds: float | None, total: int | None, rests_on: str) -> JsonObject:
    return {"seconds_left": seconds, "total": total, "rests_on": rests_on}


def _total(state: RunState, progress: JsonObject) -> tuple[int | None, str]:
    """Return how many messages the run has in all, and who says so."""
    if progress["source_exhausted"]:
        return progress["fetched"], f"the {progress['fetched']:,} messages that the source had"
    if progress["source_total"] is None:
        return None, ""
    left_out = state.known + state.outside - run_state.doubles(state)
    total = progress["source_total"] - left_out
    if total < progress["fetched"]:
        return None, ""
    return total, f"the source's own total of {progress['source_total']:,}"


def _wait(status: str, progress: JsonObject) -> tuple[float, str]:
    """Return the seconds that the run waits from `counts_at` on, and why; a run that fetches again does not wait."""
    if "wait_until" not in progress or (status == "running" and not progress["pending"]):
        return 0.0, ""
    until = moment(progress["wait_until"])
    left = (until - moment(progress["counts_at"])).total_seconds()
    return (left, f"it waits until {until:%H:%M:%S} UTC") if left > 0 else (0.0, "")
