"""The query string of the durable HTTP API.

On the way: a request's parameters enter, names in any case; typed values and an instance filter leave.
What cannot be read counts as not given, as on the real host; a runtimeStatus in the wrong case, too.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from aiohttp import web

from devhost.instance import STATUS_NUMBERS, InstanceFilter


class Query:
    """Parameters of one request."""

    def __init__(self, request: web.Request) -> None:
        self._values = {name.lower(): value for name, value in request.query.items()}

    def text(self, name: str) -> str | None:
        """Return a parameter, None if it is not given or empty."""
        return self._values.get(name.lower()) or None

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false."""
        return {"true": True, "false": False}.get((self.text(name) or "").lower(), default)

    def number(self, name: str) -> float | None:
        """Return a number."""
        try:
            return float(self.text(name) or "")
        except ValueError:
            return None

    def time(self, name: str) -> datetime | None:
        """Return an aware time; one without a zone is taken as UTC."""
        # What the SDK makes of datetime.min begins with the year 1, not 0001.
        text = re.sub(r"^\d{1,3}-", lambda year: year[0].zfill(5), self.text(name) or "")
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            return None
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time

    def instance_filter(self) -> InstanceFilter:
        """Return which instances the request is about."""
        names = (name.strip() for name in (self.text("runtimeStatus") or "").split(","))
        return InstanceFilter(
            created_from=self.time("createdTimeFrom"),
            created_to=self.time("createdTimeTo"),
            statuses=frozenset(name for name in names if name in STATUS_NUMBERS),
            prefix=self.text("instanceIdPrefix") or "",
        )
