"""Styles whose cursor is a number: of the page, of the items before the page, or the first number of a range or window.

If a page says how many pages or items there are, all later cursors are known, and pages can be requested in parallel.
"""

import re
from math import ceil
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ingestion.concealed import quoted
from ingestion.errors import SourceRefused
from ingestion.source.page import Page, PageRequest
from ingestion.source.reading.place import Sending, sending
from ingestion.source.styles.end import End, number_of
from ingestion.source.styles.style import Style, ValueStyle
from ingestion.validation import not_allowed

PARTIAL = 206
_CONTENT_RANGE = re.compile(r"(?:[^\s*]+\s+)?(?:([0-9]{1,18})-([0-9]{1,18})|\*)/([0-9]{1,18}|\*)")


class PageNumberStyle(ValueStyle):
    """Its cursor is the number of the page. The end is an empty page, or what the description declares."""

    style: Literal["page_number"] = "page_number"
    send: Sending = sending("page")
    start: int = 1

    def next(self, page: Page, cursor: Any) -> Any | End:
        return cursor + 1

    def split(self, page: Page, cursor: Any, total: int | None) -> range | None:
        """Return all later numbers, by the source's number of pages, or by its total and this page's size."""
        pages = number_of(self.end.total_pages.value_in(page)) if self.end.total_pages else None
        if pages is None and total is not None and page.count:
            pages = ceil(total / page.count)
        return _onwards(cursor, 1, None if pages is None else self.start + pages)


class OffsetStyle(ValueStyle):
    """Its cursor is the number of items received, not of items requested: a server may send fewer."""

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
        return _onwards(cursor, page.count, None if total is None else self.start + total)


class WindowStyle(Style):
    """Windows over a known range, such as ids from 1 to a million. A window without items is a gap, not the end.

    Its cursor is the first number of the window `[cursor, cursor + step)`.
    """

    style: Literal["window"] = "window"
    send_from: Sending = sending("from")
    send_to: Sending = sending("to")
    start: int = 0
    stop: int  # the first number past the range
    step: Annotated[int, Field(ge=1)] = 1000
    inclusive: bool = False  # whether the API includes `to` in the window

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.stop <= self.start:
            raise not_allowed("too small", f"more than start, {self.start}", "stop")
        return self

    def first(self) -> Any:
        return self.start

    def sent(self, base: PageRequest, cursor: Any) -> PageRequest:
        last = min(cursor + self.step, self.stop) - self.inclusive
        return self.send_to.into(self.send_from.into(base, cursor), last)

    def next(self, page: Page, cursor: Any) -> Any | End:
        """Return the next window, or the end of the range. Raise SourceRefused if the page may be cut."""
        if self.limit is not None and self.limit < self.step and page.count >= self.limit:
            raise SourceRefused(
                f"the window from {cursor} has {page.count} items, as many as limit allows, so more may be "
                f"missing; set limit to at least step ({self.step}), or step to at most the items of one answer"
            )
        following = cursor + self.step
        return following if following < self.stop else End(f"the end of the range, {self.stop}")

    def split(self, page: Page, cursor: Any, total: int | None) -> range | None:
        return _onwards(cursor, self.step, self.stop)


class RangeHeaderStyle(Style):
    """Its cursor is the first item's position; `Content-Range: items 0-99/1234` answers `Range: items=0-99`.

    The end is the last range of a known size, an empty range, an answer without that header, or a 416 for a range past
    the end.
    """

    ends_without: ClassVar[bool] = True
    own_statuses: ClassVar[frozenset[int]] = frozenset({416})

    style: Literal["range_header"] = "range_header"
    limit: Annotated[int, Field(ge=1)] = 100
    send_limit: Sending = sending("header:Range")
    unit: str = "items"  # "" for servers that need only `0-99`, and a Range-Unit in the source's headers

    def first(self) -> Any:
        return 0

    def sent(self, base: PageRequest, cursor: Any) -> PageRequest:
        wanted = f"{cursor}-{cursor + self.limit - 1}"
        return self.send_limit.into(base, f"{self.unit}={wanted}" if self.unit else wanted)

    def next(self, page: Page, cursor: Any) -> Any | End:
        """Return the position after the last item. Raise SourceRefused if the header says another range than came.

        The status does not decide: servers that do not count their items answer with 200 for a part, too.
        """
        given = page.headers.get("content-range", "").strip()
        if not given and page.status != PARTIAL and not (cursor and page.count):
            return End(f"a whole answer (HTTP {page.status} without Content-Range)", missing=True)
        first, last, size = _range_of(given)
        count = 0 if first is None or last is None else last - first + 1
        if first not in (None, cursor) or count != page.count:
            raise SourceRefused(
                f"the request was for the range from {cursor}, but {page.count} items came with Content-Range: "
                f"{quoted(given, 80)!r}; check pagination in the description"
            )
        if last is None:
            return End("an empty range")
        return End(f"the last of {size}") if size is not None and last + 1 >= size else last + 1

    def split(self, page: Page, cursor: Any, total: int | None) -> range | None:
        """Return all later positions, in steps of this page's size, up to the size in Content-Range."""
        given = page.headers.get("content-range", "").strip()
        return _onwards(cursor, page.count, _range_of(given)[2] if given else None)


def _onwards(cursor: int, step: int, stop: int | None) -> range | None:
    return None if stop is None or not step else range(cursor + step, stop, step)


def _range_of(header: str) -> tuple[int | None, int | None, int | None]:
    """Return first, last and size of a Content-Range, None for a star. Raise SourceRefused on anything else."""
    found = _CONTENT_RANGE.fullmatch(header)
    if found is None:
        raise SourceRefused(
            f"an answer has no readable Content-Range header: {quoted(header, 80)!r}; check pagination in "
            "the description"
        )
    first, last, size = (None if number in (None, "*") else int(number) for number in found.groups())
    return first, last, size
