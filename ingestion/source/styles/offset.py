"""Offset and limit. The next offset counts what came, not what was asked for: a server may cut a page silently."""

from typing import Any, ClassVar, Literal

from ingestion.source.page import Page, PageRequest
from ingestion.source.reading.place import Sending, sending
from ingestion.source.styles.end import End
from ingestion.source.styles.style import Style


class OffsetStyle(Style):
    """Its cursor is the number of items before the page."""

    ends_empty: ClassVar[bool] = True

    style: Literal["offset"] = "offset"
    send: Sending = sending("offset")
    start: int = 0

    def first(self) -> Any:
        return self.start

    def request(self, base: PageRequest, cursor: Any) -> PageRequest:
        return self.send.into(self.with_limit(base), cursor)

    def next(self, page: Page, cursor: Any, request: PageRequest) -> Any | End:
        """Return the offset after the last item of this page."""
        if not page.count:
            raise self._stuck()
        return cursor + page.count

    def split(self, page: Page, cursor: Any, total: int | None) -> list[Any] | None:
        """Return all later offsets, in steps of this page's size, up to the source's total."""
        if total is None or not page.count:
            return None
        return list(range(cursor + page.count, self.start + total, page.count))
