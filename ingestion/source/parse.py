"""Items out of a body while it arrives, in memory that does not grow with it: one parser for each format.

Enters: the body, piece by piece. Leaves: items as soon as they are complete and, at the end, the document that was
around them.
"""

from typing import Any, Literal, Protocol

from ingestion.source.parse_json import JsonParser
from ingestion.source.parse_lines import CsvParser, NdjsonParser

Format = Literal["json", "ndjson", "csv"]


class Parser(Protocol):
    """What turns a body into items."""

    def feed(self, piece: bytes) -> list[Any]:
        """The items that this piece completes. Raises BodyCut."""
        ...

    def close(self) -> list[Any]:
        """The items that the end of the body completes. Raises BodyCut if the body cannot have ended here."""
        ...

    @property
    def document(self) -> Any:
        """What was around the items; complete after `close`."""
        ...

    @property
    def problem(self) -> str | None:
        """Why no items were found where they should be; None if they were."""
        ...


def parser_for(form: Format, items: tuple[str, ...]) -> Parser:
    """A parser for one body; `items` is the path of the list of items in a JSON one."""
    match form:
        case "json":
            return JsonParser(items)
        case "ndjson":
            return NdjsonParser()
        case "csv":
            return CsvParser()
