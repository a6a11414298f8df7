"""What the APIs list, and how they are told to behave: one record, shared by all routes of a server.

Enters: a position. Leaves: ids, items, `{"id": ..., "n": ..., "updated_at": ...}`, and tokens without a meaning to
clients. The same seed gives the same ids on every machine; the last part of an id cannot be guessed from its number, so
that a client that makes ids up, or mixes two listings, is found out.
"""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

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

    def ids(self, start: int = 0, stop: int | None = None) -> list[str]:
        """Return the ids `[start, stop)`, cut at the end of the listing; all of them unless told otherwise."""
        keyed = hashlib.blake2b(digest_size=4, key=f"demo-{self.seed}".encode())
        names = []
        for position in range(start, self.total if stop is None else min(stop, self.total)):
            digest = keyed.copy()
            digest.update(b"%d" % position)
            names.append(f"order-{position:09d}-{digest.hexdigest()}")
        return names

    def items(self, start: int, stop: int) -> list[dict[str, Any]]:
        """Return the items `[start, stop)`, cut at the end of the listing."""
        return [{"id": name, "n": n, "updated_at": self.time(n)} for n, name in enumerate(self.ids(start, stop), start)]

    def position_of(self, name: str) -> int:
        """Where an item is; the end of the listing for an id that it does not have."""
        digits = name.split("-")[1] if name.count("-") == 2 else ""
        return int(digits) if digits.isdigit() else self.total

    def time(self, n: int) -> str:
        """When item `n` was changed: ten seconds later for every `ties` items."""
        return (EPOCH + timedelta(seconds=10 * (n // self.ties))).isoformat().replace("+00:00", "Z")

    def size(self, text: str | None) -> int:
        """Return the page size for a limit that was asked for: cut silently, as many APIs do."""
        if not text:
            return self.page_size
        if not text.isdecimal() or int(text) == 0:
            raise bad_request("limit must be a number, at least 1")
        return min(int(text), self.page_size)


def token(position: int, *, hole: bool = False) -> str:
    """A position as clients see it."""
    return base64.urlsafe_b64encode(f"{position}{'h' if hole else ''}".encode()).decode()


def read_token(text: str) -> tuple[int, bool]:
    """Return position and whether the page is a hole; raise HTTPBadRequest for what this server never gave."""
    try:
        plain = base64.urlsafe_b64decode(text.encode()).decode()
    except (ValueError, binascii.Error):
        plain = ""
    position = plain.removesuffix("h")
    if not position.isdecimal():
        raise bad_request("invalid_cursor")
    return int(position), plain.endswith("h")


def bad_request(reason: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=json.dumps({"error": reason}), content_type="application/json")


@dataclass(frozen=True, slots=True)
class Slice:
    """The page that a token asks for; `following` is the token of the next one, None on the last."""

    items: list[dict[str, Any]]
    start: int
    following: str | None

    def plain(self) -> web.Response:
        """Return the page in the plainest of forms."""
        return web.json_response({"items": self.items, "next": self.following})


def by_token(listing: Listing, text: str | None, limit: str | None = None) -> Slice:
    """Return the page at a token, or the first; an empty one with a further token where the listing has holes."""
    start, hole = read_token(text) if text else (0, False)
    if hole:
        return Slice([], start, token(start))
    stop = min(start + listing.size(limit), listing.total)
    following = token(stop, hole=listing.holes) if stop < listing.total else None
    return Slice(listing.items(start, stop), start, following)
