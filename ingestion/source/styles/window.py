"""Windows over a range of numbers that is known beforehand, such as ids from 1 to a million; gaps are common."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ingestion.errors import SourceRefused
from ingestion.source.page import Page, PageRequest
from ingestion.source.reading.place import Sending, sending
from ingestion.source.styles.end import End
from ingestion.source.styles.style import Style
from ingestion.validation import not_allowed


class WindowStyle(Style):
    """Its cursor is the first number of the window `[cursor, cursor + step)`. A page without items is a gap."""

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

    def next(self, page: Page, cursor: Any, request: PageRequest) -> Any | End:
        """Return the next window, up to the end of the range. Raise SourceRefused if the page may be cut."""
        if self.limit is not None and self.limit < self.step and page.count >= self.limit:
            raise SourceRefused(
                f"the window from {cursor} brought {page.count} items, as many as limit allows, so that others may be "
                f"missing; set limit to at least step, {self.step}, or step to at most what one answer may hold"
            )
        following = cursor + self.step
        return following if following < self.stop else End(f"the end of the range, {self.stop}")

    def split(self, page: Page, cursor: Any, total: int | None) -> list[Any] | None:
        return list(range(cursor + self.step, self.stop, self.step))
