"""Pages by the Range header: `Range: items=0-99` is asked for, `Content-Range: items 0-99/1234` says what came.

The end is the last range of a known size, a whole answer (200, not 206), or 416 for a range past the end.
"""

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ingestion.errors import SourceRefused
from ingestion.source.end import End
from ingestion.source.page import Page, PageRequest
from ingestion.source.place import Send
from ingestion.source.styles.style import Style

PARTIAL = 206
_CONTENT_RANGE = re.compile(r"(?:\S+\s+)?(?:(\d+)-(\d+)|\*)/(\d+|\*)")


class RangeHeaderStyle(Style):
    """Its cursor is the position of the first item of the page."""

    own_statuses: ClassVar[frozenset[int]] = frozenset({416})
    ends_empty: ClassVar[bool] = True
    places_limit: ClassVar[bool] = True

    style: Literal["range_header"] = "range_header"
    unit: str = "items"
    limit: Annotated[int | None, Field(ge=1)] = 100
    bare: bool = False  # some servers want `Range: 0-99` with a Range-Unit header, set in the source's headers

    def first(self) -> Any:
        """The first position."""
        return 0

    def request(self, base: PageRequest, cursor: Any) -> PageRequest:
        """The source's request for `limit` items from the cursor on."""
        wanted = f"{cursor}-{cursor + (self.limit or 1) - 1}"
        return Send("header", ("Range",)).into(base, wanted if self.bare else f"{self.unit}={wanted}")

    def next(self, page: Page, cursor: Any, request: PageRequest) -> Any | End:
        """The position after the last item that came."""
        if page.status != PARTIAL:
            return End(f"a whole answer (HTTP {page.status})")
        given = _CONTENT_RANGE.fullmatch(page.headers.get("content-range", "").strip())
        if given is None:
            raise SourceRefused("a partial answer (HTTP 206) has no readable Content-Range header")
        if given[1] is None:
            return End("an empty range")
        if int(given[1]) != cursor or int(given[2]) < cursor:
            raise SourceRefused(f"the range from {cursor} was asked for, {given[1]}-{given[2]} came")
        if given[3] != "*" and int(given[2]) + 1 >= int(given[3]):
            return End(f"the last of {given[3]}")
        return int(given[2]) + 1

    def split(self, page: Page, cursor: Any, total: int | None) -> list[Any] | None:
        """All later positions, in steps of this page's size, up to the size that the server tells."""
        given = _CONTENT_RANGE.fullmatch(page.headers.get("content-range", "").strip())
        if page.status != PARTIAL or given is None or given[3] == "*" or not page.count:
            return None
        return list(range(cursor + page.count, int(given[3]), page.count))
