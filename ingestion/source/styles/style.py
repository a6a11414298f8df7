"""What every pagination style can do.

Enters: a cursor. Leaves: the request for its page; then, with the page, the next cursor or the end. A cursor is a JSON
value, opaque to all but its style; a style keeps nothing between two calls.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from ingestion.source.page import Page, PageRequest


@dataclass(frozen=True, slots=True)
class End:
    """The source has no further page; `reason` says what told so."""

    reason: str


class Style(BaseModel, ABC):
    """One way of paging, as a source's `pagination` table describes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def first(self) -> Any:
        """The cursor of the first page."""
        return None

    @abstractmethod
    def request(self, base: PageRequest, cursor: Any) -> PageRequest:
        """The request for the page at `cursor`; `base` is the source's own request."""

    @abstractmethod
    def next(self, page: Page, cursor: Any, request: PageRequest) -> Any | End:
        """The cursor after `page`, which answered `request` at `cursor`. Raises SourceRefused with the evidence."""

    def split(self, page: Page, cursor: Any) -> list[Any] | None:
        """The cursors of all pages after `page`, in order, if they can be told from it; None if only one by one.

        What it gives may be fetched in parallel; `next` is still asked of each page in order.
        """
        return None
