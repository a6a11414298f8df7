"""The base of the pagination styles: a style makes a request from a cursor, and finds the next cursor in a page.

A cursor is a JSON value that only its style understands. A style keeps no state between calls.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ingestion.errors import SourceRefused
from ingestion.source.page import Page, PageRequest
from ingestion.source.reading.place import Sending
from ingestion.source.styles.end import End, EndSignals, Reached
from ingestion.validation import Table, not_allowed


class Style(Table, ABC):
    """One way of paging, as a source's `pagination` table describes it."""

    ends_empty: ClassVar[bool] = False  # whether a page without items is the end, unless the description says otherwise
    needs_items: ClassVar[bool] = False  # whether `next` and `fresh` need all items in memory
    ends_without: ClassVar[bool] = False  # whether the style ends at a page without a certain key or header
    own_statuses: ClassVar[frozenset[int]] = frozenset()  # statuses that mean the end for this style

    limit: Annotated[int | None, Field(ge=1)] = None  # items to request in a page
    send_limit: Sending | None = None
    end: EndSignals = EndSignals()

    @model_validator(mode="after")
    def _sends_its_limit(self) -> Self:
        if (self.limit is None) != (self.send_limit is None):
            field = "limit" if self.limit is None else "send_limit"
            raise not_allowed("missing", "both limit and send_limit (its place in the request), or neither", field)
        return self

    def first(self) -> Any:
        """Return the cursor of the first page."""
        return None

    def request(self, base: PageRequest, cursor: Any) -> PageRequest:
        """Return the request for the page at `cursor`; `base` is the source's own request."""
        if self.limit is not None and self.send_limit is not None:
            base = self.send_limit.into(base, self.limit)
        return base if cursor is None else self.sent(base, cursor)

    def sent(self, base: PageRequest, cursor: Any) -> PageRequest:
        """Return `base` with the cursor in its place."""
        return base

    @abstractmethod
    def next(self, page: Page, cursor: Any) -> Any | End:
        """Return the cursor after `page`, or the style's own end; `cursor` is that of `page`. Raise SourceRefused."""

    def following(self, page: Page, cursor: Any, reached: Reached) -> Any | End:
        """Return the cursor after `page`, or the end: the declared one, or the style's own.

        Raise SourceRefused if the page says that more follows, but the style finds no next cursor.
        """
        if end := self.end.reason(page, reached, empty=self.ends_empty):
            return end
        following = self.next(page, cursor)
        if not isinstance(following, End):
            _sendable(following)
        elif promises := self.end.signals(page, reached):
            raise SourceRefused(
                f"a page says that more follows ({next(iter(promises))}), but has no next page "
                f"({following.reason}); check pagination and end in the description"
            )
        return following

    def fresh(self, page: Page, cursor: Any) -> list[Any]:
        """Return the items that earlier pages did not have. Call it only if the style `needs_items`."""
        return page.items

    def split(self, page: Page, cursor: Any, total: int | None) -> Sequence[Any] | None:
        """Return the cursors of all later pages, in order, to request them in parallel; None if they are unknown.

        `total` is the number of items of the whole source, if it is known. The caller still calls `next` for each page
        in order; if `next` returns another cursor than this method, the one from `next` counts.
        """
        return None

    def ends_at(self, status: int, text: str) -> bool:
        """Return whether an answer that is no page means the end; the caller decides about the first request."""
        return status in self.own_statuses or self.end.matches(status, text)


class SingleStyle(Style):
    """No pagination: one response is the whole source."""

    style: Literal["none"] = "none"

    def next(self, page: Page, cursor: Any) -> Any | End:
        return End("the one response of the source")


class ValueStyle(Style):
    """The base of styles whose cursor is one value that goes to `send`."""

    ends_empty: ClassVar[bool] = True

    send: Sending
    start: str | int | None

    def first(self) -> Any:
        return self.start

    def sent(self, base: PageRequest, cursor: Any) -> PageRequest:
        return self.send.into(base, cursor)

    def _stuck(self) -> SourceRefused:
        """Return the error for a page without items that is not the end."""
        return SourceRefused(
            "a page has no items, so the next page cannot be requested; if this is the end of the source, set "
            "end.empty = true"
        )


def _sendable(cursor: Any) -> None:
    try:
        json.dumps(cursor, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise SourceRefused("a page gives a cursor with half of a surrogate pair, which no request can hold") from None
