"""What goes to the source and what comes back: the seam between pagination styles, the client and the fetch loop.

A style makes a `PageRequest` from a cursor; the client turns it into a `Page` (or a `Throttled`); the style reads from
the page where to go on. Large pages pass their items to an `ItemSink` while they arrive and never hold them all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ingestion.errors import SourceRefused
from ingestion.wire import JsonObject

KEPT_BYTES = 16 * 1024 * 1024  # objects in memory may take 25 times as much


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """One request for a page, without credentials: the client adds them."""

    url: str
    method: str = "GET"
    query: Mapping[str, Any] = field(default_factory=dict)  # several values of one name: it is repeated
    headers: Mapping[str, str] = field(default_factory=dict)
    body: JsonObject | None = None


class NoRoom(SourceRefused):
    """The pages that are in memory at a time would be too large."""


@dataclass(slots=True)
class Room:
    """How many bytes the pages that are kept in memory may have together, as they came."""

    left: int = KEPT_BYTES


class ItemSink(Protocol):
    """Takes the items of a page while they arrive."""

    async def add(self, items: list[Any]) -> None:
        """Take the next items, in the order of the page."""

    async def restart(self) -> None:
        """Forget what was added for this page: its answer was cut off and is asked for again from its beginning."""


@dataclass(slots=True, kw_only=True)
class Page:
    """One answer of the source that means something: success, or a status that the source's description declares.

    `document` is the answer without its items (in their place an empty list), `text` that of one that is no page,
    `null_list` its beginning where it has a null for its items. The items go to `sink` where there is one, else into
    `items`; `count`, `first` and `last` are known either way. Header names are in lower case, `url` is the one that
    answered in the end.
    """

    sink: ItemSink | None = None
    room: Room = field(default_factory=Room)  # for what no sink takes
    kept: int = 0  # bytes of it
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
        """Count bytes that have come. Raise NoRoom if the items stay in memory and there is no room for them."""
        if self.sink is not None:
            return
        if size > self.room.left:
            raise NoRoom(
                f"a page that has to be in memory as a whole, for its style, has more than {KEPT_BYTES:,} bytes; ask "
                "for smaller pages"
            )
        self.kept, self.room.left = self.kept + size, self.room.left - size

    def leave(self) -> None:
        """Give back the room that was taken."""
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
        """Forget the items: the answer is no page, or is asked for again."""
        if self.sink is not None and self.count:
            await self.sink.restart()
        self.items, self.count, self.first, self.last = [], 0, None, None
        self.leave()


@dataclass(frozen=True, slots=True)
class Throttled:
    """The source wants to be left alone for `seconds`."""

    seconds: float
