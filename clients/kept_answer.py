"""Keep the answer about a run for half a second: however many callers poll, this process makes two a second at most.

A command that this process receives drops the kept answer. A command that another process receives shows up later, by
half a second at most.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

import azure.functions as func

from ingestion import clock

KEPT = timedelta(seconds=0.5)

Handler = Callable[..., Awaitable[func.HttpResponse]]


@dataclass(slots=True)
class _Kept:
    """An answer, and the time at which its making began; callers that come meanwhile wait for `gate`."""

    gate: asyncio.Lock = field(default_factory=asyncio.Lock)
    answer: func.HttpResponse | None = None
    made_at: datetime = datetime.min
    begun: int = 0  # answers

    def is_fresh(self, now: datetime) -> bool:
        return self.answer is not None and timedelta(0) <= now - self.made_at < KEPT


class KeptAnswers:
    """The kept answers, by run id."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    async def get(self, run_id: str, make: Callable[[], Awaitable[func.HttpResponse]]) -> func.HttpResponse:
        """Return the kept answer, or the one that `make` returns now. Errors of `make` pass through and are not kept.

        A caller that waited while another answer was begun takes that answer: it is newer than the caller's question.
        """
        kept = self._kept.setdefault(run_id, _Kept())
        begun_before = kept.begun
        async with kept.gate:
            if kept.answer is not None and (kept.begun > begun_before or kept.is_fresh(clock.now())):
                return kept.answer
            kept.answer, kept.made_at, kept.begun = None, clock.now(), kept.begun + 1
            try:
                kept.answer = await make()
            finally:
                self._forget_the_old(clock.now())
            return kept.answer

    def forget(self, run_id: str) -> None:
        """Drop the answer about a run, even one in the making: a command changes the run."""
        self._kept.pop(run_id, None)

    def _forget_the_old(self, now: datetime) -> None:
        self._kept = {run_id: one for run_id, one in self._kept.items() if one.is_fresh(now) or one.gate.locked()}


ANSWERS = KeptAnswers()  # of this process


def kept_briefly(handler: Handler) -> Handler:
    """Return an HTTP function about a run that gives one kept answer to all who ask within half a second."""

    @wraps(handler)
    async def kept(req: func.HttpRequest, client: Any, run_id: str) -> func.HttpResponse:
        return await ANSWERS.get(run_id, lambda: handler(req, client, run_id))

    return kept
