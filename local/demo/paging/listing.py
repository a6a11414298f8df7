"""What the APIs list and how they behave: one record that all routes of a server share.

Input: a position. Output: ids, items `{"id": ..., "n": ..., "updated_at": ...}`, and opaque tokens. The same seed gives
the same ids on every machine. A client cannot guess the last part of an id from its number, so a check detects an
invented id and an id of another listing.
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
    """`page_size` is the largest page, whatever limit a client sends. `end` chooses how the API shows the end."""

    total: int = 25
    page_size: int = 10
    end: str = ""
    holes: bool = False  # whether an empty page with its own token follows each page that has a token
    ties: int = 1  # items that share one updated_at
    seed: int = 0

    def ids(self, start: int = 0, stop: int | None = None) -> list[str]:
        """Return the ids `[start, stop)`, cut at the end of the listing; by default all of them."""
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
        """Return the position of an item; for an unknown id the end of the listing."""
        digits = name.split("-")[1] if name.count("-") == 2 else ""
        return int(digits) if digits.isdigit() else self.total

    def time(self, n: int) -> str:
        """Return when item `n` was changed: the time advances by ten seconds after every `ties` items."""
        return (EPOCH + timedelta(seconds=10 * (n // self.ties))).isoformat().replace("+00:00", "Z")

    def size(self, text: str | None) -> int:
        """Return the page size for a requested limit: cut silently, as in many APIs."""
        if not text:
            return self.page_size
        if not text.isdecimal() or int(text) == 0:
            raise bad_request("limit must be a number, at least 1")
        return min(int(text), self.page_size)


def token(position: int, *, hole: bool = False) -> str:
    """Return the token for a position."""
    return base64.urlsafe_b64encode(f"{position}{'h' if hole else ''}".encode()).decode()


def read_token(text: str) -> tuple[int, bool]:
    """Return the position, and whether the page is empty. Raise HTTPBadRequest if it is not a token of this server."""
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
    """The page of a token; `following` is the token of the next page, None on the last."""

    items: list[dict[str, Any]]
    start: int
    following: str | None

    def plain(self) -> web.Response:
        """Return the page in the simplest form."""
        return web.json_response({"items": self.items, "next": self.following})


def by_token(listing: Listing, text: str | None, limit: str | None = None) -> Slice:
    """Return the page at a token, or the first page; in a listing with holes every other page is empty."""
    start, hole = read_token(text) if text else (0, False)
    if hole:
        return Slice([], start, token(start))
    stop = min(start + listing.size(limit), listing.total)
    following = token(stop, hole=listing.holes) if stop < listing.total else None
    return Slice(listing.items(start, stop), start, following)
