"""Numbered pages. The end is an empty page, or what the description declares: a flag, a total, a status."""

from math import ceil
from typing import Any, ClassVar, Literal

from ingestion.source.page import Page, PageRequest
from ingestion.source.reading.place import Sending, sending
from ingestion.source.styles.end import End, number_of
from ingestion.source.styles.style import Style


class PageNumberStyle(Style):
    """Its cursor is the number of the page."""

    ends_empty: ClassVar[bool] = True

    style: Literal["page_number"] = "page_number"
    send: Sending = sending("page")
    start: int = 1

    def first(self) -> Any:
        return self.start

    def request(self, base: PageRequest, cursor: Any) -> PageRequest:
        return self.send.into(self.with_limit(base), cursor)

    def next(self, page: Page, cursor: Any, request: PageRequest) -> Any | End:
        return cursor + 1

    def split(self, page: Page, cursor: Any, total: int | None) -> list[Any] | None:
        """Return all later numbers, by the source's number of pages, or by its total and this page's size."""
        pages = number_of(self.end.total_pages.of(page)) if self.end.total_pages else None
        if pages is None and total is not None and page.count:
            pages = ceil(total / page.count)
        return None if pages is None else list(range(cursor + 1, self.start + pages))
