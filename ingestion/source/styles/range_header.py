"""Pages by the Range header: `Range: items=0-99` is asked for, `Content-Range: items 0-99/1234` says what came.

The end is the last range of a known size, an empty one, an answer without that header, or 416 for a range past the end.
"""

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ingestion.errors import SourceRefused
from ingestion.source.page import Page, PageRequest
from ingestion.source.reading.place import Send
from ingestion.source.styles.end import End
from ingestion.source.styles.style import Style

PARTIAL = 206
_CONTENT_RANGE = re.compile(r"(?:[^\s*]+\s+)?(?:([0-9]{1,18})-([0-9]{1,18})|\*)/([0-9]{1,18}|\*)")


class RangeHeaderStyle(Style):
    """Its cursor is the position of the first item of the page."""

    own_statuses: ClassVar[frozenset[int]] = frozenset({416})
    places_limit: ClassVar[bool] = True

    style: Literal["range_header"] = "range_header"
    unit: str = "items"
    limit: Annotated[int | None, Field(ge=1)] = 100
    bare: bool = False  # some servers want `Range: 0-99` with a Range-Unit header, set in the source's headers

    def first(self) -> Any:
        return 0

    def request(self, base: PageRequest, cursor: Any) -> PageRequest:
        wanted = f"{cursor}-{cursor + (self.limit or 1) - 1}"
        return Send("header", ("Range",)).into(base, wanted if self.bare else f"{self.unit}={wanted}")

    def next(self, page: Page, cursor: Any) -> Any | End:
        """Return the position after the last item. Raise SourceRefused if another range came than the header says.

        The status says little: servers that do not count answer a part with 200.
        """
        given = page.headers.get("content-range", "").strip()
        if not given and page.status != PARTIAL and not (cursor and page.count):
            return End(f"a whole answer (HTTP {page.status} without Content-Range)")
        first, last, size = _range_of(given)
        told = 0 if first is None or last is None else last - first + 1
        if first not in (None, cursor) or told != page.count:
            raise SourceRefused(
                f"the range from {cursor} was asked for, and {page.count} items came with Content-Range: {given[:80]!r}"
            )
        if last is None:
            return End("an empty range")
        return End(f"the last of {size}") if size is not None and last + 1 >= size else last + 1

    def split(self, page: Page, cursor: Any, total: int | None) -> range | None:
        """Return all later positions, in steps of this page's size, up to the size that the server tells."""
        given = page.headers.get("content-range", "").strip()
        size = _range_of(given)[2] if given else None
        return range(cursor + page.count, size, page.count) if size is not None and page.count else None


def _range_of(header: str) -> tuple[int | None, int | None, int | None]:
    """Return first, last and size of a Content-Range, None for a star. Raise SourceRefused on anything else."""
    found = _CONTENT_RANGE.fullmatch(header)
    if found is None:
        raise SourceRefused(f"an answer has no readable Content-Range header: {header[:80]!r}")
    first, last, size = (None if number in (None, "*") else int(number) for number in found.groups())
    return first, last, size
