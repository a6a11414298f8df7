"""What a source is: the description of an external API in `sources.toml`, checked when it is read.

Enters: the file and the environment (a `%NAME%` in a text stands for the app setting NAME). Leaves: a Source.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ingestion.errors import InvalidInput
from ingestion.source.auth import Auth
from ingestion.source.description.finding import Finding, findings
from ingestion.source.description.placeholder import filled_in, settings_in
from ingestion.source.description.secret import secrets_in
from ingestion.source.http.origin import Origin, Url
from ingestion.source.page import PageRequest
from ingestion.source.reading.items import Limits
from ingestion.source.reading.parse import Csv, Format
from ingestion.source.reading.path import Path as JsonPath
from ingestion.source.reading.place import Read, Reading, Send, text_of
from ingestion.source.styles import Pagination
from ingestion.source.styles.expiry import Expiry
from ingestion.source.waiting.throttle import Throttle
from ingestion.validation import not_allowed
from ingestion.wire import JsonObject


def _as_sent(given: Any) -> str | tuple[str, ...]:
    """The text of a query parameter, or the texts of one that is repeated."""
    values = given if isinstance(given, list | tuple) else (given,)
    if not all(isinstance(each, str | bool | int | float) for each in values):
        raise not_allowed("not a value of a query", "text, a number, true or false, or a list of these")
    return text_of(given) if values is not given else tuple(text_of(each) for each in values)


def _is_json(body: JsonObject) -> JsonObject:
    try:
        json.dumps(body, allow_nan=False)
    except (TypeError, ValueError):  # TOML has dates, inf and nan
        raise not_allowed("not JSON", "tables, lists, text, numbers, true and false; a date in quotes") from None
    return body


QueryValue = Annotated[str | tuple[str, ...], BeforeValidator(_as_sent)]
Body = Annotated[JsonObject, AfterValidator(_is_json)]


class Source(BaseModel):
    """One external API: where it is, how it pages, and what of an item is the message."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Url
    headers: dict[str, str] = {}
    query: dict[str, QueryValue] = {}
    method: Literal["GET", "POST"] = "GET"
    body: Body | None = None
    hosts: tuple[Origin, ...] = ()  # others that links may lead to
    pagination: Pagination
    format: Format = "json"
    csv: Csv = Csv()
    items: JsonPath = Field(default=None, validate_default=True)  # path of the list in a page; empty: the whole page
    message: JsonPath = ()  # path of the message in an item; empty: the item itself
    total: Reading | None = None  # the number of items of the whole source, where the API tells it
    error: JsonPath | None = None  # of what says, in the body of a success, that it is none
    repeats: Literal["keep", "drop"] = "keep"  # what to do with messages that the page before held already
    expiry: Expiry = Expiry()
    max_pages: Annotated[int, Field(ge=1)] = 100_000  # of a run
    timeout_seconds: Annotated[float, Field(gt=0)] = 30.0  # of one request
    auth: Auth | None = None
    throttle: Throttle = Throttle()
    limits: Limits = Limits()
    parallel_fetches: Annotated[int, Field(ge=1, le=64)] = 1  # pages asked for at once, where the style can tell them
    attempts: Annotated[int, Field(ge=1, le=20)] = 5  # per page, before the source counts as away
    outage_seconds: Annotated[float | None, Field(ge=0, le=7 * 86_400)] = None  # that it may be away, if not the app's
    _filled_in: tuple[str, ...] = PrivateAttr(())

    @property
    def filled_in(self) -> tuple[str, ...]:
        """The values of app settings in headers, query and body: no error may show them."""
        return self._filled_in

    @field_validator("items", mode="before")
    @classmethod
    def _is_told_for_json(cls, given: Any, info: ValidationInfo) -> Any:
        if given is None and info.data.get("format") == "json":
            raise not_allowed("missing", 'the path of the list of items in a page; "" where the page is the list')
        return () if given is None else given

    @model_validator(mode="after")
    def _can_work(self) -> Self:
        places = [
            *_places(self.pagination, "pagination"),
            *_places(self.expiry, "expiry"),
            *_places(self.total, "total"),
        ]
        for key in ("total", "exact_total"):
            if getattr(self.pagination.end, key) and self.total is None:
                allowed = "with total, the place where the source says how many items it has"
                raise not_allowed("nothing to compare with", allowed, f"pagination.end.{key}")
        if self.pagination.needs_body and self.body is None:
            raise not_allowed("missing", f"a table, for style = {self.pagination.style!r}: it holds the query", "body")
        in_body = self.body is not None or any(isinstance(place, Send) and place.kind == "body" for _, place in places)
        if in_body and "method" not in self.model_fields_set:
            raise not_allowed("missing", "'POST' where something goes into the body; 'GET' if that is meant", "method")
        if "csv" in self.model_fields_set and self.format != "csv":
            raise not_allowed(f"of no use with format = {self.format!r}", "the table csv with format = 'csv'", "csv")
        for key, place in places:
            if self.format != "json" and isinstance(place, Read) and place.kind == "body":
                problem = f"{str(place)!r} is a path into a JSON body"
                raise not_allowed(problem, f"header:NAME or item:PATH with format = {self.format!r}", key)
        return self

    def base_request(self) -> PageRequest:
        """What every request for a page starts from, before the pagination and the credentials."""
        return PageRequest(url=self.url, method=self.method, query=self.query, headers=self.headers, body=self.body)

    def tells(self, status: int, text: str) -> bool:
        """Whether an answer that is no page of items is a `Page` for the fetch loop, not an error of the client.

        Such are a declared end and an expired cursor; `text` is the answer's body.
        """
        return status in self.pagination.end_statuses or self.expiry.means(status, text)


def load_source(file: Path, name: str, environment: Mapping[str, str]) -> Source:
    """Read the source called `name`. Raises InvalidInput, naming source and key, if it is not there or not right."""
    tables, where = read_tables(file), f"{file.name}: {name}"
    if name not in tables:
        raise InvalidInput(
            "source", f"{name!r} is not described in {file.name}", ", ".join(sorted(tables)) or "none yet"
        )
    found = list(secrets_in(tables[name]))
    if not found:
        described = described_by(tables[name], filled_in(tables[name], environment, where))
        if isinstance(described, Source):
            sent = settings_in([tables[name].get(key) for key in ("headers", "query", "body")])
            described._filled_in = tuple(environment[setting] for setting in sent)
            return described
        found = described
    raise invalid_source(where, found[0])


def read_tables(file: Path) -> dict[str, Any]:
    """The tables of a file by the names of their sources, as they are. Raises InvalidInput if it cannot be read."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InvalidInput("SLUICE_SOURCES", f"there is no file {file}", "the path of a sources.toml") from None
    except OSError as error:
        problem = f"{file} cannot be read: {error.strerror}"
        raise InvalidInput("SLUICE_SOURCES", problem, "the path of a sources.toml") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InvalidInput(file.name, f"line {line} is not UTF-8", "a text file in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(file.name, f"not TOML: {error}", "TOML, one table for each source") from None


def described_by(table: Any, filled: Any) -> Source | list[Finding]:
    """The source that a table describes, or what is wrong with it; `filled` is the table with the app settings in."""
    try:
        return Source.model_validate(filled)
    except ValidationError as error:
        return findings(error, Source, table)


def invalid_source(where: str, finding: Finding) -> InvalidInput:
    """The error that says what is wrong with the source at `where`."""
    return InvalidInput(f"{where}.{finding.key}" if finding.key else where, finding.problem, finding.allowed)


def _places(value: Any, key: str) -> Iterator[tuple[str, Read | Send]]:
    """Every place in an answer or a request that `value`, which is at `key`, speaks of."""
    if isinstance(value, Read | Send):
        yield key, value
    elif isinstance(value, BaseModel):
        for name, inner in value:
            yield from _places(inner, f"{key}.{name}")
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            yield from _places(inner, f"{key}.{index}")
