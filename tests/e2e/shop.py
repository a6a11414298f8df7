"""A shop whose orders change every day, with every difficulty that an API has for an incremental reader.

It inserts and updates; several changes share a time; some appear two hours late; the items of a page have any order,
and so do the pages unless they are sorted. Its log has every version of every order.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.e2e.small_api import SmallApi

PAGE = 20
LATE = timedelta(hours=2)
GRID = timedelta(minutes=10)  # of the moments of changes, so that many share one


@dataclass(frozen=True)
class Change:
    """A version of an order; the API shows it from `shown_at` on."""

    order: int
    version: int
    at: datetime
    shown_at: datetime

    @property
    def item(self) -> dict[str, object]:
        return {"id": self.order, "version": self.version, "updated_at": self.at.isoformat().replace("+00:00", "Z")}


class Shop:
    """The orders, and an API for them: GET /orders?since=..., a page of 20 each."""

    def __init__(self, seed: int, *, is_sorted: bool) -> None:
        self.log: list[Change] = []
        self.asked: list[str] = []
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._drawn, self._sorted = random.Random(seed), is_sorted
        self._changed_on: dict[int, tuple[int, datetime]] = {}  # by order: its version, and its day

    def day_of_changes(self, day: datetime) -> None:
        """Insert and change orders on a day, each at most once; existing orders change after three at night."""
        slots = [day + GRID * number for number in range(144)]
        for at in self._drawn.choices(slots, k=self._drawn.randrange(5, 30)):
            self._change(len(self._changed_on), at)
        known = [order for order, (_, last) in self._changed_on.items() if last < day]
        for order in self._drawn.sample(known, min(len(known), self._drawn.randrange(0, 25))):
            self._change(order, self._drawn.choice(slots[18:]))

    def burst(self, at: datetime, orders: int) -> None:
        """Insert or change this many orders at one moment; the API shows them at once."""
        for order in self._drawn.sample(range(len(self._changed_on) + orders), orders):
            self._change(order, at, late=0)

    def _change(self, order: int, at: datetime, late: float = 0.2) -> None:
        version = self._changed_on[order][0] + 1 if order in self._changed_on else 1
        day = at.replace(hour=0, minute=0)
        self._changed_on[order] = (version, day)
        is_late = self._drawn.random() < late
        self.log.append(Change(order, version, at, at + LATE if is_late else at))

    def page(self, since: datetime, start: int) -> dict[str, object]:
        """Return the changes at or after `since` that the API shows now."""
        now = self.clock()
        newest: dict[int, Change] = {}
        for change in self.log:
            if change.shown_at <= now and change.version > newest.get(change.order, change).version - 1:
                newest[change.order] = change
        found = [change for change in newest.values() if change.at >= since]
        found.sort(key=lambda change: (change.at if self._sorted else change.order % 7, change.order))
        page = found[start : start + PAGE]
        random.Random(start + len(found)).shuffle(page)
        more = start + PAGE < len(found)
        return {"orders": [change.item for change in page], "next": str(start + PAGE) if more else None}

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve the API, and yield its URL."""
        api = SmallApi()
        api.answer = self._answer
        with api.served() as url:
            yield url

    def _answer(self, path: str, query: dict[str, str]) -> tuple[int, object]:
        self.asked.append(query["since"])
        return 200, self.page(datetime.fromisoformat(query["since"]), int(query.get("cursor", "0")))
