"""GraphQL connections: `pageInfo` tells the end and the cursor, which goes into the query's variables.

The source is a POST whose body holds `query` and, where wanted, `variables`.
"""

from typing import Any, ClassVar, Literal

from ingestion.errors import SourceRefused
from ingestion.source.page import Page, PageRequest
from ingestion.source.reading.path import ABSENT, Path, at, shown
from ingestion.source.reading.place import Send
from ingestion.source.styles.end import End
from ingestion.source.styles.style import Style


class RelayStyle(Style):
    """Its cursor is the `endCursor` of the page before."""

    places_limit: ClassVar[bool] = True
    needs_body: ClassVar[bool] = True

    style: Literal["relay"] = "relay"
    connection: Path  # of the connection in the answer, such as data.repository.issues
    variable: str = "after"
    limit_variable: str = "first"

    def request(self, base: PageRequest, cursor: Any) -> PageRequest:
        request = base
        if self.limit is not None:
            request = Send("body", ("variables", self.limit_variable)).into(base, self.limit)
        return Send("body", ("variables", self.variable)).into(request, cursor)

    def next(self, page: Page, cursor: Any, request: PageRequest) -> Any | End:
        """Return the `endCursor`, or the end where `hasNextPage` is false."""
        info = at(page.document, (*self.connection, "pageInfo"))
        more, following = (at(info, (name,)) for name in ("hasNextPage", "endCursor"))
        if not isinstance(more, bool):
            raise SourceRefused(
                f"an answer has no pageInfo.hasNextPage under {shown(self.connection)!r}; the query has to ask for it"
            )
        if not more:
            return End("hasNextPage is false")
        if following in (ABSENT, None, ""):
            raise SourceRefused("hasNextPage is true, but there is no endCursor; the query has to ask for it")
        return following
