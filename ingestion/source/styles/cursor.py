"""Styles whose cursor is a value in the page before: a token, or the key of the last item."""

import re
from typing import Any, ClassVar, Literal

from ingestion.errors import SourceRefused
from ingestion.source.page import Page, PageRequest
from ingestion.source.reading.number import value_at
from ingestion.source.reading.path import ABSENT, Path, shown
from ingestion.source.reading.place import Reading, Sending, reading, sending, text_of
from ingestion.source.styles.end import End
from ingestion.source.styles.style import Style, ValueStyle
from ingestion.validation import Table

_WHOLE = re.compile("[0-9]{1,100}")


class Token(Table):
    """One value that travels from a page into the next request."""

    read: Reading
    send: Sending


class CursorStyle(Style):
    """Its cursor is the list of the tokens, in the order of the description; null for a missing token.

    The end is a page whose token is absent, null, false, empty, or one of `end.texts`. If the next page needs several
    values, `also` has the further pairs of `read` and `send`, which do not decide about the end. With
    `send = "query:*"`, one object has all keys for the query.
    """

    ends_without: ClassVar[bool] = True

    style: Literal["cursor"] = "cursor"
    read: Reading = reading("next_cursor")
    send: Sending = sending("cursor")
    also: tuple[Token, ...] = ()
    start: str | int | None = None  # the token of the first page, if the API needs one

    def first(self) -> Any:
        return None if self.start is None else [self.start, *(None for _ in self.also)]

    def sent(self, base: PageRequest, cursor: Any) -> PageRequest:
        for send, value in zip((self.send, *(token.send for token in self.also)), cursor, strict=False):
            if value is not None:
                base = send.into(base, value)
        return base

    def next(self, page: Page, cursor: Any) -> Any | End:
        given = [read.value_in(page) for read in (self.read, *(token.read for token in self.also))]
        values = [None if self.end.is_none(value) else value for value in given]
        if values[0] is None and self.read.kind == "item" and self.end.empty:
            raise SourceRefused(
                f"the last item of a page has nothing at {self.read}, so the next page cannot be requested, and "
                "end.empty says that this is not the end; sort by a value that each item has"
            )
        return values if values[0] is not None else End(f"no cursor at {self.read}", missing=given[0] is ABSENT)


class KeysetStyle(ValueStyle):
    """Its cursor is the key of the last item; before the first page, `start`. Inserts and deletes do not disturb it."""

    needs_items: ClassVar[bool] = True

    style: Literal["keyset"] = "keyset"
    key: Path = ("id",)  # of an item
    send: Sending = sending("after")
    start: str | int | None = None
    order: Literal["ascending", "descending", "any"] = "any"  # of the keys; checked unless it is any

    def next(self, page: Page, cursor: Any) -> Any | End:
        """Return the key of the last item. Raise SourceRefused if the key is missing, repeated or out of order."""
        if not page.count:
            raise self._stuck()
        key = value_at(page.last, self.key)
        if key is ABSENT or not isinstance(key, str | int | float):
            raise SourceRefused(
                f"the last item of a page has no usable key at {shown(self.key)!r}; check pagination.key in "
                "the description"
            )
        self._check_order(cursor, key, f"a page that follows {cursor!r} ends with {key!r}")
        if page.count > 1:
            first = value_at(page.first, self.key)
            self._check_order(first, key, f"a page begins with {first!r} and ends with {key!r}")
        self._check_no_key_repeats([value_at(item, self.key) for item in page.items])
        return key

    def _check_no_key_repeats(self, keys: list[Any]) -> None:
        known = set()
        for key in map(text_of, keys):
            if key in known:
                name = shown(self.key)
                raise SourceRefused(
                    f"two items of a page have {name} = {key}; if a page ended between two such items, one would be "
                    f"lost. Page by a key that no two items share, or by two keys: style = 'cursor', read = "
                    f"'item:{name}', also = [{{ read = 'item:OTHER', send = ... }}], end = {{ empty = true }}"
                )
            known.add(key)

    def _check_order(self, one: Any, other: Any, found: str) -> None:
        if self.order == "any" or one in (None, ABSENT):
            return
        if not (precedes(one, other) if self.order == "ascending" else precedes(other, one)):
            raise SourceRefused(
                f"the description says that keys are {self.order}, but {found}; check send, key and the sort order in "
                "query"
            )


def precedes(one: Any, other: Any) -> bool:
    """Return whether `one` comes before `other`: as numbers if both are numbers or digits in text, else as text."""
    numbers = [int(each) if isinstance(each, str) and _WHOLE.fullmatch(each) else each for each in (one, other)]
    if all(isinstance(each, int | float) for each in numbers):
        return bool(numbers[0] < numbers[1])
    return str(one) < str(other)
