"""Requests and pages: the interface between pagination styles, the client and the fetch loop.

A style makes a `PageRequest` from a cursor; the client turns it into a `Page` (or a `Throttled`); the style reads the
next cursor from the page. A large page passes its items to an `ItemSink` while they arrive, and never holds them all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ingestion.errors import SourceRefused
from ingestion.wire import JsonObject

KEPT_BYTES = 16 * 1024 * 1024  # as they arrive; the parsed objects may take 25 times as much memory


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """One request for a page, without credentials: the client adds them."""

    url: str
    method: str = "GET"
    query: Mapping[str, Any] = field(default_factory=dict)  # a name with several values is repeated
    headers: Mapping[str, str] = field(default_factory=dict)
    body: JsonObject | None = None


class NoRoom(SourceRefused):
    """The pages in memory would be too large together."""


@dataclass(slots=True)
class Room:
    """How many bytes the pages in memory may have together, counted before parsing."""

    left: int = KEPT_BYTES


class ItemSink(Protocol):
    """Takes the items of a page while they arrive."""

    async def add(self, items: list[Any]) -> None:
        """Take the next items, in the order of the page."""

    async def restart(self) -> None:
        """Forget the items of this page: its answer was cut off, and the client requests it again."""


@dataclass(slots=True, kw_only=True)
class Page:
    """One answer of the source: a page, or another answer that the description declares.

    `document` is the answer with an empty list in place of its items. `text` is the body of an answer that is no page.
    `null_list` is the beginning of a page that has null in place of its items. The items go to `sink` if there is one,
    else into `items`; `count`, `first` and `last` are always set. Header names are in lower case. `url` is the address
    after all redirects.
    """

    sink: ItemSink | None = None
    room: Room = field(default_factory=Room)  # for items without a sink
    kept: int = 0  # bytes taken of the room
    items: list[Any] = field(default_factory=list)
    document: Any = None
    text: str = ""
    null_list: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    url: str = ""
    count: int = 0
    first: Any = None
    last: Any = None

    def keep(self, size: int) -> None:
        """Count received bytes. Raise NoRoom if the items stay in memory and there is no room for them."""
        if self.sink is not None:
            return
        if size > self.room.left:
            raise NoRoom(
                f"a page has more than {KEPT_BYTES:,} bytes, and its pagination style needs it in memory as a whole; "
                "request smaller pages"
            )
        self.kept, self.room.left = self.kept + size, self.room.left - size

    def leave(self) -> None:
        """Free the room that the page has taken."""
        self.kept, self.room.left = 0, self.room.left + self.kept

    async def add(self, items: list[Any]) -> None:
        """Take the next items of the answer."""
        if not items:
            return
        if self.sink is None:
            self.items.extend(items)
        else:
            await self.sink.add(items)
        self.first = self.first if self.count else items[0]
        self.count, self.last = self.count + len(items), items[-1]

    async def restart(self) -> None:
        """Forget the items: the answer is no page, or is requested again."""
        if self.sink is not None and self.count:
            await self.sink.restart()
        self.items, self.count, self.first, self.last = [], 0, None, None
        self.leave()


@dataclass(frozen=True, slots=True)
class Throttled:
    """Send the source no request for `seconds`."""

    seconds: float
