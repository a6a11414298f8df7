"""What every pagination style can do: from a cursor to the request for its page, from the page to the next cursor.

A cursor is a JSON value, opaque to all but its style; a style keeps nothing between two calls.
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

    ends_empty: ClassVar[bool] = False  # whether a page without items is the end, unless the description says
    needs_items: ClassVar[bool] = False  # whether `next` and `fresh` look at all items, so that none may be streamed
    ends_without: ClassVar[bool] = False  # whether it ends at a page without some key or header
    own_statuses: ClassVar[frozenset[int]] = frozenset()  # that mean the end by the style's own definition

    limit: Annotated[int | None, Field(ge=1)] = None  # items to ask for in a page
    send_limit: Sending | None = None
    end: EndSignals = EndSignals()

    @model_validator(mode="after")
    def _sends_its_limit(self) -> Self:
        if (self.limit is None) != (self.send_limit is None):
            field = "limit" if self.limit is None else "send_limit"
            raise not_allowed("missing", "limit and send_limit, where the limit goes, or neither", field)
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
        """Return the cursor after `page`, which is at `cursor`. Raise SourceRefused with the evidence."""

    def following(self, page: Page, cursor: Any, reached: Reached) -> Any | End:
        """Return the cursor after `page`, or the end that it declares, or the style's own.

        Raise SourceRefused where the style has no way on from a page that says that there is more.
        """
        if end := self.end.reason(page, reached, empty=self.ends_empty):
            return end
        following = self.next(page, cursor)
        if not isinstance(following, End):
            _sendable(following)
        elif promises := self.end.signals(page, reached):
            raise SourceRefused(
                f"a page says that there is more ({next(iter(promises))}), but does not lead there "
                f"({following.reason}); check pagination and end in the description"
            )
        return following

    def fresh(self, page: Page, cursor: Any) -> list[Any]:
        """Return the items that the pages before did not hold; asked only of a style that `needs_items`."""
        return page.items

    def split(self, page: Page, cursor: Any, total: int | None) -> Sequence[Any] | None:
        """Return the cursors of all later pages, in order, to be fetched in parallel; None if they cannot be told.

        `total` is the number of items of the whole source, where it is known. `next` is still asked of each page in
        order, and where it answers another cursor, that one counts.
        """
        return None

    def ends_at(self, status: int, text: str) -> bool:
        """Return whether an answer that is no page means the end, but for the first request."""
        return status in self.own_statuses or self.end.means(status, text)


class SingleStyle(Style):
    """No pagination: one response, however big, is all of it."""

    style: Literal["none"] = "none"

    def next(self, page: Page, cursor: Any) -> Any | End:
        return End("the one response of the source")


class ValueStyle(Style):
    """The base of the styles whose cursor is one value, which follows from the items of a page and goes to `send`."""

    ends_empty: ClassVar[bool] = True

    send: Sending
    start: str | int | None

    def first(self) -> Any:
        return self.start

    def sent(self, base: PageRequest, cursor: Any) -> PageRequest:
        return self.send.into(base, cursor)

    def _stuck(self) -> SourceRefused:
        """Return the refusal of a page that has no items to go on from, and is not the end."""
        return SourceRefused(
            "a page has no items to go on from, and the description does not say that this is the end; if it is, set "
            "end.empty = true"
        )


def _sendable(cursor: Any) -> None:
    try:
        json.dumps(cursor, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise SourceRefused("a page gives a cursor with half of a surrogate pair, which no request can hold") from None
