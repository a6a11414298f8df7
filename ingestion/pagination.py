"""How a source pages: each style knows how to ask for a page and what the page says of the next one.

A style is a small class with two methods, so that a new one is a new class and nothing else:
`request(cursor)` gives what to add to the query, `next_cursor(page)` the cursor of the page after it, None at the end.
A cursor is a plain JSON value, opaque to all but its style.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ingestion.json_path import ABSENT, at


class CursorInBody(BaseModel):
    """A token in the body of each page, sent back as a query parameter; absent, null or empty at the end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    style: Literal["cursor_in_body"] = "cursor_in_body"
    cursor_path: str = "next_cursor"
    cursor_parameter: str = "cursor"
    limit_parameter: str | None = None
    limit: Annotated[int | None, Field(ge=1)] = None

    def request(self, cursor: Any) -> dict[str, str]:
        """The query parameters that ask for the page at `cursor`; None asks for the first."""
        query = {}
        if self.limit_parameter is not None and self.limit is not None:
            query[self.limit_parameter] = str(self.limit)
        if cursor is not None:
            query[self.cursor_parameter] = str(cursor)
        return query

    def next_cursor(self, page: Any) -> Any:
        """The cursor of the page after `page`, or None if it is the last."""
        cursor = at(page, self.cursor_path)
        return None if cursor in (ABSENT, None, "") else cursor
