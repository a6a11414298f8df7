"""A source: one external API, described by a table in `sources.toml`."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, JsonValue, PrivateAttr, model_validator

from ingestion.source.auth.kinds import Auth, secrets_of
from ingestion.source.description.incremental import Incremental
from ingestion.source.description.messages import Messages
from ingestion.source.description.scheduled import Scheduled
from ingestion.source.description.values import Parameter
from ingestion.source.http.origin import Origin, Url
from ingestion.source.page import PageRequest
from ingestion.source.reading.path import Path
from ingestion.source.reading.place import Read, Reading, Send
from ingestion.source.styles import Pagination
from ingestion.source.styles.expiry import Expiry
from ingestion.source.waiting.throttle import Throttle
from ingestion.validation import Table, not_allowed

Value = str | bool | int | float


class Csv(Table):
    """The CSV dialect of a source; a quote inside quotes is doubled."""

    delimiter: Annotated[str, Field(pattern=r'^[^"\r\n]$')] = ","
    encoding: Literal["utf-8", "latin-1", "windows-1252"] = "utf-8"


class Limits(Table):
    """The limits of one answer. An answer that exceeds one of them is an error."""

    response_bytes: int = Field(default=2 * 1024**3, ge=1)  # decompressed
    response_seconds: float = Field(default=300.0, gt=0)  # from the request to the last byte
    redirects: int = Field(default=5, ge=0, le=20)
    unframed: bool = False  # whether NDJSON or CSV may lack a length, so that a cut answer looks complete


class Source(Scheduled):
    """One external API: its address, its paging, and the part of an item that is the message."""

    url: Url
    headers: dict[str, str] = {}
    query: dict[str, Value | tuple[Value, ...]] = {}
    method: Literal["GET", "POST"] = "GET"
    body: dict[str, JsonValue] | None = None
    hosts: tuple[Origin, ...] = ()  # other origins that links may lead to
    pagination: Pagination
    format: Literal["json", "ndjson", "csv"] = "json"
    csv: Csv = Csv()
    items: Path = ()  # path of the list in a page; empty: the whole page
    missing: Literal["refuse", "empty"] = "refuse"  # whether a page without that list is an error or has no items
    min_items: Annotated[int | None, Field(ge=0)] = None  # the fewest items of a whole source; see `least_items`
    message: Path = ()  # path of the message in an item; empty: the item itself
    total: Reading | None = None  # where an answer has the number of items of the whole source
    error: Path | None = None  # path of an error message in the body of an HTTP success
    success: Path | None = None  # path of a flag that is true in every page and in no other answer
    repeats: Literal["keep", "drop"] = "keep"  # what to do with messages that the page before had too
    incremental: Incremental | None = None  # None: each run reads everything
    parameters: dict[str, Parameter] = {}  # values that the caller who starts a run gives
    unique: bool = False  # whether each message should come once in a run; doubles are then counted
    expiry: Expiry = Expiry()
    messages: Messages = Messages()
    max_pages: Annotated[int, Field(ge=1)] = 100_000  # of a run
    timeout_seconds: Annotated[float, Field(gt=0)] = 30.0  # of one request
    auth: Auth | None = None
    throttle: Throttle = Throttle()
    limits: Limits = Limits()
    # How many pages to request at once, if the pagination style knows the cursors of later pages.
    parallel_fetches: Annotated[int, Field(ge=1, le=64)] = 1
    attempts: Annotated[int, Field(ge=1, le=20)] = 5  # per page, before the source counts as away
    # How long the source may be away; None: as long as the app setting says.
    outage_seconds: Annotated[float | None, Field(ge=0, le=7 * 86_400)] = None
    _filled_in: dict[str, str] = PrivateAttr(default_factory=dict)
    _fingerprint: str = PrivateAttr("")
    _sends_until: bool = PrivateAttr(False)

    @property
    def fingerprint(self) -> str:
        """Return the hash that `table.fingerprint` made of this description."""
        return self._fingerprint

    @property
    def sends_until(self) -> bool:
        """Return whether requests send `{to}`, the end of the range."""
        return self._sends_until

    @property
    def least_items(self) -> int:
        """Return `min_items`. Without it: 1 if the list may be missing, because `items` may be wrong; else 0."""
        return int(self.missing == "empty") if self.min_items is None else self.min_items

    @property
    def secrets(self) -> dict[str, str]:
        """Return the secrets by name: credentials, and app settings that are filled in. No text may show them."""
        return self._filled_in | secrets_of(self.auth)

    @model_validator(mode="after")
    def _can_work(self) -> Self:
        if "items" not in self.model_fields_set and self.format == "json":
            allowed = 'the path of the list of items in a page; "" if the page itself is the list'
            raise not_allowed("missing", allowed, "items")
        described = (
            (self.pagination, "pagination"),
            (self.expiry, "expiry"),
            (self.total, "total"),
            (self.incremental, "incremental"),
        )
        places = [place for value, key in described for place in _places(value, key)]
        for key in ("total", "exact_total"):
            if getattr(self.pagination.end, key) and self.total is None:
                allowed = "together with total, the place where the source says how many items it has"
                raise not_allowed("nothing to compare with", allowed, f"pagination.end.{key}")
        for name, parameter in self.parameters.items():
            if self.schedule is not None and parameter.default is None:
                allowed = "a default, because a schedule that starts the source gives no value"
                raise not_allowed("missing", allowed, f"parameters.{name}.default")
        in_body = self.body is not None or any(isinstance(place, Send) and place.kind == "body" for _, place in places)
        if in_body and "method" not in self.model_fields_set:
            raise not_allowed("missing", "'POST', because something goes into the body; or 'GET'", "method")
        if "csv" in self.model_fields_set and self.format != "csv":
            raise not_allowed(f"of no use with format = {self.format!r}", "the table csv with format = 'csv'", "csv")
        for key in ("missing", "error", "success"):
            if self.format != "json" and key in self.model_fields_set:
                raise not_allowed(f"of no use with format = {self.format!r}", "only with format = 'json'", key)
        for key, place in places:
            if self.format != "json" and isinstance(place, Read) and place.kind == "body":
                problem = f"{str(place)!r} is a path into a JSON body"
                raise not_allowed(problem, f"header:NAME or item:PATH with format = {self.format!r}", key)
        return self

    def base_request(self) -> PageRequest:
        """Return the part that all requests for pages share, without pagination and credentials."""
        return PageRequest(url=self.url, method=self.method, query=self.query, headers=self.headers, body=self.body)

    def expects(self, status: int, text: str) -> bool:
        """Return whether an answer with the body `text` is a declared end or an expired cursor, and so no error."""
        return self.pagination.ends_at(status, text) or self.expiry.matches(status, text)


def _places(value: Any, key: str) -> Iterator[tuple[str, Read | Send]]:
    """Yield each place in an answer or a request that `value` names, with its key; `key` is the key of `value`."""
    if isinstance(value, Read | Send):
        yield key, value
    elif isinstance(value, BaseModel):
        for name, inner in value:
            yield from _places(inner, f"{key}.{name}")
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            yield from _places(inner, f"{key}.{index}")
