"""The answer about a run, kept for a second: however many ask this process, it looks at a run once a second.

A command that is given to this process ends the second. One that another process took shows when it is over.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

import azure.functions as func

from ingestion import clock

KEPT = timedelta(seconds=1)

Tell = Callable[..., Awaitable[func.HttpResponse]]


@dataclass(slots=True)
class _Kept:
    """An answer and when it was begun; who asks meanwhile waits at the gate."""

    gate: asyncio.Lock = field(default_factory=asyncio.Lock)
    answer: func.HttpResponse | None = None
    made_at: datetime = datetime.min
    looks: int = 0  # that were begun

    def is_fresh(self, now: datetime) -> bool:
        return self.answer is not None and timedelta(0) <= now - self.made_at < KEPT


class KeptAnswers:
    """The answers of the last second, by run id."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    async def of(self, run_id: str, tell: Callable[[], Awaitable[func.HttpResponse]]) -> func.HttpResponse:
        """Return the answer of the last second, or what `tell` says now. Raise what it raises, which is not kept.

        Who waited while a look was begun takes what it has found, however long it took: it is newer than the question.
        """
        kept = self._kept.setdefault(run_id, _Kept())
        looks_before = kept.looks
        async with kept.gate:
            if kept.answer is not None and (kept.looks > looks_before or kept.is_fresh(clock.now())):
                return kept.answer
            kept.answer, kept.made_at, kept.looks = None, clock.now(), kept.looks + 1
            try:
                kept.answer = await tell()
            finally:
                self._forget_the_old(clock.now())
            return kept.answer

    def forget(self, run_id: str) -> None:
        """Keep no answer about a run, nor one that is being made: a command changes what there is to tell."""
        self._kept.pop(run_id, None)

    def _forget_the_old(self, now: datetime) -> None:
        self._kept = {run_id: one for run_id, one in self._kept.items() if one.is_fresh(now) or one.gate.locked()}


ANSWERS = KeptAnswers()  # of this process


def kept_for_a_second(tell: Tell) -> Tell:
    """Return an HTTP function about a run of which one answer a second is made, and given to all who ask."""

    @wraps(tell)
    async def kept(req: func.HttpRequest, client: Any, run_id: str) -> func.HttpResponse:
        return await ANSWERS.of(run_id, lambda: tell(req, client, run_id))

    return kept
