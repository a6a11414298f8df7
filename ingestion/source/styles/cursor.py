"""Tokens that each page gives for the next one, read from body, headers or last item, sent in query, headers or body.

The end is a page without a token: absent, null, false, empty, or one of `end.texts`. A compound continuation has
further pairs in `also`, which do not count for the end, or is one object whose keys all go into the query
(`send = "query:*"`).
"""

from typing import Any, Literal

from ingestion.source.page import Page, PageRequest
from ingestion.source.reading.place import Reading, Sending, reading, sending
from ingestion.source.styles.end import End
from ingestion.source.styles.style import Style
from ingestion.validation import Table


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

    def sent(self, base: PageRequest, cursor: Any) -> PageRequest:
        for send, value in zip((self.send, *(token.send for token in self.also)), cursor, strict=False):
            if value is not None:
                base = send.into(base, value)
        return base

    def next(self, page: Page, cursor: Any) -> Any | End:
        given = [read.of(page) for read in (self.read, *(token.read for token in self.also))]
        values = [None if self.end.is_none(value) else value for value in given]
        return End(f"no cursor at {self.read}") if values[0] is None else values
