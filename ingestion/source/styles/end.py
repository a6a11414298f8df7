"""How a source says that it has ended, beside what its pagination style itself tells.

Only what the description declares is believed: a short or an empty page in the middle of a source is common, and to
stop there loses ids.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from ingestion.errors import SourceRefused
from ingestion.source.page import Page
from ingestion.source.reading.path import ABSENT
from ingestion.source.reading.place import Read, Reading, text_of
from ingestion.source.table import Table

_COUNT = re.compile("[0-9]{1,18}")
FLAGS = {True: True, False: False, "true": True, "false": False, "1": True, "0": False}  # 1 and 0 equal the first two


@dataclass(frozen=True, slots=True)
class End:
    """The source has no further page; `reason` says what told so."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How far a source has been read, the page in question included: what some end signals are compared with."""

    pages: int
    items: int
    largest_page: int  # of the pages before
    total: int | None = None


class EndSignals(Table):
    """The `end` table of a source's pagination."""

    more: Reading | None = None  # a flag that is false on the last page
    done: Reading | None = None  # a flag that is true on the last page
    empty: bool | None = None  # whether a page without items is the end; unless set, the style knows
    short: bool = False  # whether a page with fewer items than those before is the end
    total: bool = False  # whether the source has ended when as many items came as its `total` says
    exact_total: bool = False  # whether an end at another count than `total` is an error
    total_pages: Reading | None = None  # the number of pages
    statuses: tuple[Annotated[int, Field(ge=204, le=499)], ...] = ()  # that answer a request past the end
    repeated: bool = False  # whether a cursor equal to the one just sent is the end, not a loop
    texts: tuple[str, ...] = ("",)  # cursors that are none, numbers as text; see `is_none`

    def reason(self, page: Page, reached: Reached, *, empty: bool) -> End | None:
        """Return the end that `page` declares; `empty` is whether a page without items is the end to the style.

        A declared signal that there is more overrides the style. Raise SourceRefused if a declared flag is not there:
        nothing could tell the end then.
        """
        if self.done is not None and _flag(page, self.done, "done", absent=False):
            return End(f"{self.done} is true")
        if self.more is not None and not _flag(page, self.more, "more"):
            return End(f"{self.more} is false")
        if not page.count and (empty and not self.promise(page, reached) if self.empty is None else self.empty):
            return End("a page without items")
        if self.short and (not page.count or page.count < reached.largest_page):
            return End(f"a page of {page.count} after pages of {reached.largest_page}")
        if self.total and reached.total is not None and reached.items >= reached.total:
            return End(f"all {reached.total} items came")
        pages = self._pages(page)
        if pages is not None and reached.pages >= pages:
            return End(f"all {pages} pages came")
        return None

    def promise(self, page: Page, reached: Reached) -> str | None:
        """Return what a declared flag or number of pages says, if it says that there is more."""
        if self.more is not None and _flag(page, self.more, "more"):
            return f"{self.more} is true"
        if self.done is not None and self.done.of(page) is not ABSENT and not _flag(page, self.done, "done"):
            return f"{self.done} is false"
        pages = self._pages(page)
        if pages is not None and reached.pages < pages:
            return f"{self.total_pages} is {pages}, and {reached.pages} came"
        return None

    def is_none(self, cursor: Any) -> bool:
        """Return whether a page has no cursor: nothing, null, false, what is empty, or one of `texts`."""
        return cursor in (ABSENT, None, {}, []) or cursor is False or text_of(cursor) in self.texts

    def _pages(self, page: Page) -> int | None:
        return None if self.total_pages is None else number_of(self.total_pages.of(page))


def number_of(value: Any) -> int | None:
    """Return a count as APIs give it (5, 5.0, "5"), or None."""
    if isinstance(value, str) and _COUNT.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, float) and not value.is_integer():  # nor are infinity and NaN
        return None
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def _flag(page: Page, where: Read, name: str, *, absent: bool | None = None) -> bool:
    given = where.of(page)
    if given is ABSENT and absent is not None:
        return absent
    known = given.lower() if isinstance(given, str) else given
    if not isinstance(known, bool | int | str) or known not in FLAGS:
        found = "nothing" if given is ABSENT else repr(given)[:40]
        raise SourceRefused(f"a page has {found} where end.{name} = {str(where)!r} expects true or false")
    return FLAGS[known]
