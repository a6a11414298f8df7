"""A token in the body of each page, sent back as a query parameter; absent, null or empty at the end."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from ingestion.source.page import Page, PageRequest
from ingestion.source.path import ABSENT, Path, at
from ingestion.source.styles.style import End, Style


class CursorStyle(Style):
    style: Literal["cursor"] = "cursor"
    read: Path = ("next_cursor",)
    send: str = "cursor"
    send_limit: str | None = None
    limit: Annotated[int | None, Field(ge=1)] = None

    def request(self, base: PageRequest, cursor: Any) -> PageRequest:
        query = dict(base.query)
        if self.send_limit is not None and self.limit is not None:
            query[self.send_limit] = str(self.limit)
        if cursor is not None:
            query[self.send] = str(cursor)
        return replace(base, query=query)

    def next(self, page: Page, cursor: Any, request: PageRequest) -> Any | End:
        given = at(page.document, self.read)
        return End("no further cursor") if given in (ABSENT, None, "") else given
