"""What the paging APIs list, and how they are told to behave: one record, shared by all routes of a server.

Enters: a position. Leaves: items, `{"id": ..., "n": ..., "updated_at": ...}`, and tokens without a meaning to clients.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from local.demo.catalogue import Catalogue

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """`page_size` is the most that a page holds, whatever is asked for. `end` chooses among the ways to say the end."""

    total: int = 25
    page_size: int = 10
    end: str = ""
    holes: bool = False  # whether each page with a token is followed by an empty one with another
    ties: int = 1  # items that share one updated_at
    seed: int = 0

    def items(self, start: int, stop: int) -> list[dict[str, Any]]:
        """Items `[start, stop)`, cut at the end of the listing."""
        names = Catalogue(total=self.total, seed=self.seed).ids(start, stop)
        return [{"id": name, "n": n, "updated_at": self.time(n)} for n, name in enumerate(names, start)]

    def ids(self) -> list[str]:
        """All ids, in order: what a client has to end up with."""
        return list(Catalogue(total=self.total, seed=self.seed).ids(0, self.total))

    def position_of(self, name: str) -> int:
        """Where an item is; the end of the listing for an id that it does not have."""
        digits = name.split("-")[1] if name.count("-") == 2 else ""
        return int(digits) if digits.isdigit() else self.total

    def time(self, n: int) -> str:
        """When item `n` was changed: ten seconds later for every `ties` items."""
        return (EPOCH + timedelta(seconds=10 * (n // self.ties))).isoformat().replace("+00:00", "Z")

    def size(self, text: str | None) -> int:
        """The page size for a limit that was asked for: cut silently, as many APIs do."""
        return min(int(text), self.page_size) if text else self.page_size


def token(position: int, *, hole: bool = False) -> str:
    """A position as clients see it."""
    return base64.urlsafe_b64encode(f"{position}{'h' if hole else ''}".encode()).decode()


def read_token(text: str) -> tuple[int, bool]:
    """Position and whether the page is a hole; raises HTTPBadRequest for what this server never gave."""
    try:
        plain = base64.urlsafe_b64decode(text.encode()).decode()
        return int(plain.removesuffix("h")), plain.endswith("h")
    except (ValueError, binascii.Error):
        raise web.HTTPBadRequest(text='{"error": "invalid_cursor"}', content_type="application/json") from None


@dataclass(frozen=True, slots=True)
class Slice:
    """The page that a token asks for; `following` is the token of the next one, None on the last."""

    items: list[dict[str, Any]]
    start: int
    following: str | None


def by_token(listing: Listing, text: str | None, size: int) -> Slice:
    """The page at a token, or the first; an empty one with a further token where the listing has holes."""
    start, hole = read_token(text) if text else (0, False)
    if hole:
        return Slice([], start, token(start))
    stop = min(start + size, listing.total)
    following = token(stop, hole=listing.holes) if stop < listing.total else None
    return Slice(listing.items(start, stop), start, following)
