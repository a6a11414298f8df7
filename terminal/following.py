"""Follow a run over HTTP until it has ended, by polling."""

import math
import time
from collections.abc import Callable, Iterator

from terminal.api import Api
from terminal.ending import OF_OUTCOME, Code, Trouble
from terminal.view import Run

POLL_SECONDS = 1.0
PATIENCE_SECONDS = 120.0  # for an app that has stopped answering: it may restart, or the network may be down

Silent = Callable[[str], object]


def follow(api: Api, run_id: str, *, timeout_seconds: float | None = None, silent: Silent) -> Iterator[Run]:
    """Yield a run whenever it has changed, and last when it has ended. Raise Trouble, also after `timeout_seconds`.

    Each poll calls `silent`: with the reason if the app did not answer, else with an empty text. Another process of the
    app may answer with older counts; such an answer is skipped.
    """
    answered_at = time.monotonic()
    ends_at = math.inf if timeout_seconds is None else answered_at + timeout_seconds
    known: Run | None = None
    while True:
        try:
            run: Run = api.get(f"/runs/{run_id}")
        except Trouble as trouble:
            if known is None or trouble.code != Code.UNREACHABLE:
                raise
            if time.monotonic() - answered_at > PATIENCE_SECONDS:
                raise
            silent(f"{trouble}; the run may continue, and sluice tries again for {PATIENCE_SECONDS:.0f} s")
        else:
            silent("")
            answered_at = time.monotonic()
            ended = run["status"] in OF_OUTCOME
            if known is None or (news_of(run) != news_of(known) and (ended or not older(run, known))):
                known = run
                yield run
            if ended:
                return
        if (left := ends_at - time.monotonic()) <= 0:
            raise Trouble(Code.TIMED_OUT, f"run {run_id} did not end within {timeout_seconds:g} s; it continues")
        time.sleep(min(POLL_SECONDS, left))


def news_of(run: Run) -> Run:
    """Return a run without the time of its counts: the same counts a second later are not a change."""
    return {**run, "progress": {**(run["progress"] or {}), "counts_at": None}}


def older(run: Run, known: Run) -> bool:
    """Return whether an answer has the same status as the known answer, but older counts."""
    if run["status"] != known["status"] or not run["progress"] or not known["progress"]:
        return False
    return str(run["progress"].get("counts_at", "")) < str(known["progress"].get("counts_at", ""))
