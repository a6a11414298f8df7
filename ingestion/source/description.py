"""What a source is: the description of an external API in `sources.toml`, checked when it is read.

Enters: the file and the environment (a `%NAME%` in a text stands for the app setting NAME). Leaves: a Source.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from ingestion.errors import InvalidInput
from ingestion.source.auth import Auth
from ingestion.source.expiry import Expiry
from ingestion.source.finding import finding
from ingestion.source.page import PageRequest
from ingestion.source.path import Path as JsonPath
from ingestion.source.place import Reading
from ingestion.source.reading import Limits
from ingestion.source.secret import refuse_secrets
from ingestion.source.styles import Pagination
from ingestion.source.throttle import Throttle
from ingestion.wire import JsonObject

PLACEHOLDER = r"%([A-Za-z_][A-Za-z0-9_]*)%"


class Source(BaseModel):
    """One external API: where it is, how it pages, and what of an item is the message."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, Field(pattern=r"^https?://[^\s/]+")]
    headers: dict[str, str] = {}
    query: dict[str, str | int] = {}
    method: Literal["GET", "POST"] = "GET"
    body: JsonObject | None = None
    hosts: tuple[Annotated[str, Field(pattern=r"^https?://[^\s/]+/?$")], ...] = ()  # others that links may lead to
    pagination: Pagination
    format: Literal["json", "ndjson", "csv"] = "json"
    items: JsonPath  # path of the list of items in a page; empty: the whole page
    message: JsonPath = ()  # path of the message in an item; empty: the item itself
    total: Reading | None = None  # the number of items of the whole source, where the API tells it
    repeats: Literal["keep", "drop"] = "keep"  # what to do with messages that the page before held already
    expiry: Expiry = Expiry()
    max_pages: Annotated[int, Field(ge=1)] = 100_000  # of a run
    timeout_seconds: Annotated[float, Field(gt=0)] = 30.0  # of one request
    auth: Auth | None = None
    throttle: Throttle = Throttle()
    limits: Limits = Limits()
    parallel_fetches: Annotated[int, Field(ge=1, le=64)] = 1  # pages asked for at once, where the style can tell them
    attempts: Annotated[int, Field(ge=1, le=20)] = 5  # per page, before the source counts as away
    outage_seconds: Annotated[float, Field(ge=0, le=7 * 86_400)] = 600.0  # that it may be away once it has given a page
    _filled_in: tuple[str, ...] = PrivateAttr(())

    @property
    def filled_in(self) -> tuple[str, ...]:
        """The values of app settings in headers, query and body: no error may show them."""
        return self._filled_in

    def base_request(self) -> PageRequest:
        """What every request for a page starts from, before the pagination and the credentials."""
        query = {name: str(value) for name, value in self.query.items()}
        return PageRequest(url=self.url, method=self.method, query=query, headers=self.headers, body=self.body)

    def tells(self, status: int, text: str) -> bool:
        """Whether an answer that is no page of items is a `Page` for the fetch loop, not an error of the client.

        Such are a declared end and an expired cursor; `text` is the answer's body.
        """
        return status in self.pagination.end_statuses or self.expiry.means(status, text)


def source_names(file: Path) -> list[str]:
    """The sources that a file describes. Raises InvalidInput if it cannot be read."""
    return list(_read(file))


def load_source(file: Path, name: str, environment: Mapping[str, str]) -> Source:
    """Read the source called `name`. Raises InvalidInput, naming source and key, if it is not there or not right."""
    sources, where = _read(file), f"{file.name}: {name}"
    if name not in sources:
        raise InvalidInput(
            "source", f"{name!r} is not described in {file.name}", ", ".join(sorted(sources)) or "none yet"
        )
    refuse_secrets(sources[name], where)
    try:
        source = Source.model_validate(_fill_in(sources[name], environment, where))
    except ValidationError as error:
        raise finding(error, Source, prefix=f"{where}.") from None
    sent = json.dumps([sources[name].get(key) for key in ("headers", "query", "body")], default=str)
    source._filled_in = tuple(environment[setting] for setting in re.findall(PLACEHOLDER, sent))
    return source


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidInput("SLUICE_SOURCES", f"there is no file {file}", "the path of a sources.toml") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(file.name, f"not TOML: {error}", "TOML, one table for each source") from None


def _fill_in(value: Any, environment: Mapping[str, str], where: str) -> Any:
    if isinstance(value, dict):
        return {key: _fill_in(inner, environment, f"{where}.{key}") for key, inner in value.items()}
    if isinstance(value, list):
        return [_fill_in(inner, environment, where) for inner in value]
    if not isinstance(value, str):
        return value

    def setting(match: re.Match[str]) -> str:
        if match[1] not in environment:
            raise InvalidInput(where, f"the app setting {match[1]} is not set", "the name of an app setting between %")
        return environment[match[1]]

    return re.sub(PLACEHOLDER, setting, value)
