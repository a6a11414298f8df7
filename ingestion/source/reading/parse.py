"""Items out of a body while it arrives, in memory that does not grow with it: one parser for each format.

Enters: the body, piece by piece. Leaves: items as soon as they are complete and, at the end, the document that was
around them.
"""

from typing import Annotated, Any, Literal, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict

from ingestion.source.reading.parse_json import JsonParser
from ingestion.source.reading.parse_lines import CsvParser, NdjsonParser
from ingestion.validation import not_allowed

Format = Literal["json", "ndjson", "csv"]


def _is_delimiter(text: str) -> str:
    if len(text) != 1 or text in '"\r\n':
        raise not_allowed(f"{text!r} is not a delimiter", r'one character, such as ";" or "\t"')
    return text


class Csv(BaseModel):
    """How a source writes its CSV; quotes are doubled inside quotes, as everywhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delimiter: Annotated[str, AfterValidator(_is_delimiter)] = ","
    encoding: Literal["utf-8", "latin-1", "windows-1252"] = "utf-8"


PLAIN_CSV = Csv()


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


def parser_for(form: Format, items: tuple[str, ...], csv: Csv = PLAIN_CSV) -> Parser:
    """A parser for one body; `items` is the path of the list of items in a JSON one, `csv` how the CSV is written."""
    match form:
        case "json":
            return JsonParser(items)
        case "ndjson":
            return NdjsonParser()
        case "csv":
            return CsvParser(csv.delimiter, csv.encoding)
