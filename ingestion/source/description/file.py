"""From `sources.toml` to a `Source`; a `%NAME%` in a text stands for the app setting NAME."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ingestion.errors import InvalidInput, NotFound
from ingestion.source.description.mistakes import mistakes
from ingestion.source.description.placeholder import filled_in, settings_in
from ingestion.source.description.secret import secrets_in
from ingestion.source.description.source import Source


def load_source(file: Path, name: str, environment: Mapping[str, str]) -> Source:
    """Return the source called `name`. Raise NotFound if it is not there, InvalidInput if it is not right."""
    tables, where = read_tables(file), f"{file.name}: {name}"
    if name not in tables:
        known = ", ".join(sorted(tables)) or "none yet"
        raise NotFound("source", f"{name!r} is not described in {file.name}", known)
    table = tables[name]
    for secret in secrets_in(table, where):
        raise secret
    try:
        source = Source.model_validate(filled_in(table, environment, where))
    except ValidationError as error:
        raise mistakes(error, table, where, environment)[0] from None
    sent = settings_in([table.get(key) for key in ("headers", "query", "body")])
    source._filled_in = tuple(environment[setting] for setting in sent)
    return source


def read_tables(file: Path) -> dict[str, Any]:
    """Return the tables of a file by the names of their sources. Raise InvalidInput if it cannot be read."""
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
