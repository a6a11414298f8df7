"""A source that says things twice: a page that starts with the last item of the page before, as drifting pages do.

Enters: a page of the demo API. Leaves: the same page, or one with an item more.
"""

import json
from typing import Any

from local.chaos.wire import Message


class Repeat:
    """Remembers the last item of the page that passed before; called for each page."""

    def __init__(self) -> None:
        self._last: Any = None

    def __call__(self, page: Message, wanted: bool) -> Message:
        """The page, changed if that is wanted and there was a page before."""
        if page.status != b"200":
            return page
        document = json.loads(page.body)
        items, before = document["items"], self._last
        self._last = items[-1] if items else before
        if not wanted or before is None or before in items:
            return page
        body = json.dumps({**document, "items": [before, *items]}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return Message(head.encode(), body)
