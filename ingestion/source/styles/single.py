"""A source without pages: one response, however big, is all of it."""

from typing import Any, Literal

from ingestion.source.page import Page, PageRequest
from ingestion.source.styles.end import End
from ingestion.source.styles.style import Style


class SingleStyle(Style):
    """No pagination. The end is the end of the response."""

    style: Literal["none"] = "none"

    def request(self, base: PageRequest, cursor: Any) -> PageRequest:
        return self.with_limit(base)

    def next(self, page: Page, cursor: Any) -> Any | End:
        return End("the one response of the source")
