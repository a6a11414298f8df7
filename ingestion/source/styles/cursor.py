"""Tokens that each page gives for the next one, read from body, headers or last item, sent in query, headers or body.

The end is a page without a token: absent, null, false, empty, or one of `end.texts`. A compound continuation has
further pairs in `also`, which do not count for the end, or is one object whose keys all go into the query
(`send = "query:*"`).
"""

from typing import Any, Literal

from ingestion.errors import SourceRefused
from ingestion.source.page import Page, PageRequest
from ingestion.source.reading.place import EVERY_KEY, Reading, Sending, reading, sending
from ingestion.source.styles.end import End, EndSignals
from ingestion.source.styles.style import Style
from ingestion.source.table import Table


class Token(Table):
    """One value that travels from a page into the next request."""

    read: Reading
    send: Sending


class CursorStyle(Style):
    """Its cursor is the list of the tokens, in the order of the description, null for one that was not given."""

    style: Literal["cursor"] = "cursor"
    read: Reading = reading("next_cursor")
    send: Sending = sending("cursor")
    also: tuple[Token, ...] = ()
    start: str | int | None = None  # the token of the first page, where the API wants one

    def first(self) -> Any:
        return None if self.start is None else [self.start, *(None for _ in self.also)]

    def request(self, base: PageRequest, cursor: Any) -> PageRequest:
        request = self.with_limit(base)
        for token, value in zip(self._tokens(), cursor or (), strict=False):
            if value is not None:
                request = token.send.into(request, value)
        return request

    def next(self, page: Page, cursor: Any) -> Any | End:
        values = [_given(token, page, self.end) for token in self._tokens()]
        return End(f"no cursor at {self.read}") if values[0] is None else values

    def _tokens(self) -> tuple[Token, ...]:
        return (Token(read=self.read, send=self.send), *self.also)


def _given(token: Token, page: Page, end: EndSignals) -> Any:
    value = token.read.of(page)
    if end.is_none(value):
        return None
    if token.send.path == EVERY_KEY and not isinstance(value, dict):
        raise SourceRefused(f"a page has no object at {str(token.read)!r}, and {token.send} sends the keys of one")
    return value
