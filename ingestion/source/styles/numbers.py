"""Styles whose cursor is a number: of a page, of the items before it, or of the first number of a window.

Where one page tells how many there are, the cursors of all later pages are known, and can be requested in parallel.
"""

from math import ceil
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ingestion.errors import SourceRefused
from ingestion.source.page import Page, PageRequest
from ingestion.source.reading.place import Sending, sending
from ingestion.source.styles.end import End, number_of
from ingestion.source.styles.style import Style, ValueStyle
from ingestion.validation import not_allowed


class PageNumberStyle(ValueStyle):
    """Its cursor is the number of the page. The end is an empty page, or what the description declares."""

    style: Literal["page_number"] = "page_number"
    send: Sending = sending("page")
    start: int = 1

    def next(self, page: Page, cursor: Any) -> Any | End:
        return cursor + 1

    def split(self, page: Page, cursor: Any, total: int | None) -> range | None:
        """Return all later numbers, by the source's number of pages, or by its total and this page's size."""
        pages = number_of(self.end.total_pages.of(page)) if self.end.total_pages else None
        if pages is None and total is not None and page.count:
            pages = ceil(total / page.count)
        return None if pages is None else range(cursor + 1, self.start + pages)


class OffsetStyle(ValueStyle):
    """Its cursor is the number of items that came before, not of those asked for: a server may cut a page silently."""

    style: Literal["offset"] = "offset"
    send: Sending = sending("offset")
    start: int = 0

    def next(self, page: Page, cursor: Any) -> Any | End:
        """Return the offset after the last item of this page."""
        if not page.count:
            raise self._stuck()
        return cursor + page.count

    def split(self, page: Page, cursor: Any, total: int | None) -> range | None:
        """Return all later offsets, in steps of this page's size, up to the source's total."""
        if total is None or not page.count:
            return None
        return range(cursor + page.count, self.start + total, page.count)


class WindowStyle(Style):
    """Windows over a range that is known beforehand, such as ids from 1 to a million; one without items is a gap.

    Its cursor is the first number of the window `[cursor, cursor + step)`.
    """

    style: Literal["window"] = "window"
    send_from: Sending = sending("from")
    send_to: Sending = sending("to")
    start: int = 0
    stop: int  # the first number past the range
    step: Annotated[int, Field(ge=1)] = 1000
    inclusive: bool = False  # whether the API counts `to` in

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.stop <= self.start:
            raise not_allowed("too small", f"more than start, {self.start}", "stop")
        return self

    def first(self) -> Any:
        return self.start

    def request(self, base: PageRequest, cursor: Any) -> PageRequest:
        last = min(cursor + self.step, self.stop) - self.inclusive
        return self.send_to.into(self.send_from.into(self.with_limit(base), cursor), last)

    def next(self, page: Page, cursor: Any) -> Any | End:
        """Return the next window, up to the end of the range. Raise SourceRefused if the page may be cut."""
        if self.limit is not None and self.limit < self.step and page.count >= self.limit:
            raise SourceRefused(
                f"the window from {cursor} brought {page.count} items, as many as limit allows, so that others may be "
                f"missing; set limit to at least step, {self.step}, or step to at most what one answer may hold"
            )
        following = cursor + self.step
        return following if following < self.stop else End(f"the end of the range, {self.stop}")

    def split(self, page: Page, cursor: Any, total: int | None) -> range | None:
        return range(cursor + self.step, self.stop, self.step)
