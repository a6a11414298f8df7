"""Read a `Source` from `sources.toml`; replace each `%NAME%` in a text with the app setting NAME."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from ingestion.concealed import add_secrets
from ingestion.errors import InvalidInput, NotFound, OutOfFiles, SluiceError, is_shortage
from ingestion.reads import Reads
from ingestion.settings import Settings
from ingestion.source.auth.kinds import credentials_of
from ingestion.source.description.messages import Messages
from ingestion.source.description.scheduled import Scheduled
from ingestion.source.description.source import Source
from ingestion.source.description.table import (
    MESSAGES,
    STAND_IN,
    filled_in,
    filled_in_secrets,
    fingerprint,
    marks,
    mistakes,
    secrets_in,
    settings_in,
)
from ingestion.source.description.values import TO, misused, read_declared, sends, values_of
from ingestion.source.reading.path import exactly_at
from ingestion.validation import UNRESOLVED, is_unresolved


def load_source(
    file: Path, name: str, environment: Mapping[str, str], reads: Reads | None = None, window: int = 0
) -> Source:
    """Return the source called `name` with the values of one window of a run; sample values if `reads` is None.

    Raise NotFound for an unknown name, InvalidInput if a key of the source is wrong.
    """
    tables, where = read_tables(file), f"{file.name}: {name}"
    if name not in tables:
        known = ", ".join(sorted(tables)) or "none yet"
        raise NotFound("source", f"{name!r} is not described in {file.name}", known)
    for error in wrong_name(name, where):
        raise error
    source, wrong = read_source(tables[name], where, environment, reads, window)
    named = settings_in(tables[name], where)
    auth = source.auth if source and not wrong else None  # a wrong `auth` may have a secret in place of a name
    _check_set(named, environment)
    credentials = {credential.setting: f"{where}.auth" for credential in credentials_of(auth)}
    _check_set(credentials, environment, "the name of the app setting that has the credential, not the credential")
    if source is None or wrong:
        raise wrong[0]
    return source


def wrong_name(name: str, where: str) -> Iterator[InvalidInput]:
    """Yield an error if this cannot be the name of a source; the name becomes a part of run ids and blob names."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", name):
        allowed = "1 to 40 letters, digits, - and _, the first one a letter or a digit"
        yield InvalidInput(where, "this cannot be the name of a source", allowed)


def scheduled_tables(file: Path) -> dict[str, Any]:
    """Return the tables that have a schedule, by name. Raise the errors of `read_tables`."""
    tables = read_tables(file)
    return {name: table for name, table in tables.items() if isinstance(table, dict) and "schedule" in table}


def source_names(file: Path) -> list[str]:
    """Return the names of all sources, in the order of the file. Raise the errors of `read_tables`."""
    return list(read_tables(file))


def has_schedule(file: Path) -> bool:
    """Return whether a source has a schedule. Return True if the file cannot be read: the scheduler then says why."""
    try:
        return bool(scheduled_tables(file))
    except SluiceError:
        return True


def read_scheduled(file: Path, name: str, table: dict[str, Any], environment: Mapping[str, str]) -> Scheduled:
    """Return the keys of a table that concern its schedule; ignore other keys. Raise InvalidInput if one is wrong."""
    where = f"{file.name}: {name}"
    for error in wrong_name(name, where):
        raise error
    keys = {key: table[key] for key in Scheduled.model_fields if key in table}
    _check_set(settings_in(keys, where), environment)
    try:
        return Scheduled.model_validate(filled_in(keys, environment))
    except ValidationError as error:
        raise mistakes(error, Scheduled, keys, where, environment)[0] from None


def _check_set(
    named: Mapping[str, str],
    environment: Mapping[str, str],
    allowed: str = "the name of an app setting, or %% for a percent sign",
) -> None:
    """Raise InvalidInput if an app setting is not set; `named` maps each setting to the key that names it."""
    for setting, key in named.items():
        if setting not in environment:
            raise InvalidInput(key, f"the app setting {setting} is not set", allowed)


class Described(NamedTuple):
    """How the messages of a source are sent, and `marks`: a hash of each other pinned value of its description."""

    marks: dict[str, str]
    messages: Messages
    settings: Settings  # the app's settings, overridden by the source's table `messages`


def described(settings: Settings, name: str, environment: Mapping[str, str]) -> Described:
    """Return how the messages of the source `name` are sent, and hashes of its description.

    Raise InvalidInput if there is no such source, or its `messages` are wrong.
    """
    table, where = read_tables(settings.sources).get(name), f"{settings.sources.name}: {name}"
    if not isinstance(table, dict):
        raise InvalidInput(where, "there is no such table")
    given, key = table.get(MESSAGES, {}), f"{where}.{MESSAGES}"
    _check_set(settings_in(given, key), environment)
    try:
        messages = Messages.model_validate(filled_in(given, environment), context=environment)
    except ValidationError as error:
        raise mistakes(error, Messages, given, key, environment)[0] from None
    try:
        return Described(marks(table), messages, messages.over(settings, environment))
    except InvalidInput as error:
        key = f"{key}.{'queue' if messages.queue else 'queues'}"
        raise InvalidInput(key, f"app setting {error.field}: {error.problem}", error.allowed) from None


def read_source(
    table: Any, where: str, environment: Mapping[str, str], reads: Reads | None = None, window: int = 0
) -> tuple[Source | None, list[InvalidInput]]:
    """Return the source that `table` describes, and all mistakes in the table; `where` names the table in errors.

    A value that names an unset app setting counts as right.
    """
    wrong = [*secrets_in(table, where), *_unresolved(table, where, environment)]
    with_settings = filled_in(table, environment)
    declared = read_declared(with_settings)
    wrong += misused(table, exactly_at(with_settings, ("url",)), where, *declared)
    filled = filled_in_secrets(table, environment)
    add_secrets(**filled)
    settings = defaultdict(lambda: STAND_IN, environment)
    try:
        filled_table = filled_in(table, environment, values_of(*declared, reads, window))
        source = Source.model_validate(filled_table, context=settings)
    except ValidationError as error:
        secret = {each.field for each in wrong}
        found = mistakes(error, Source, table, where, environment)
        return None, wrong + [each for each in found if each.field not in secret]
    source._fingerprint = fingerprint(table)
    source._filled_in = filled
    source._sends_until = sends(table, TO)
    return source, wrong


def _unresolved(table: Any, where: str, environment: Mapping[str, str]) -> Iterator[InvalidInput]:
    for setting, key in settings_in(table, where).items():
        if is_unresolved(environment.get(setting, "")):
            yield InvalidInput(key, f"the app setting {setting} {UNRESOLVED}")


def read_tables(file: Path) -> dict[str, Any]:
    """Return the table of each source, by name. Raise InvalidInput or OutOfFiles if the file cannot be read."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        problem = f"{file} cannot be read: {error.strerror}"
        if is_shortage(error):
            raise OutOfFiles(f"{problem}: no file descriptor is left") from error
        raise InvalidInput("SLUICE_SOURCES", problem, "the path of a sources.toml") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InvalidInput(file.name, f"line {line} is not UTF-8", "a text file in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(file.name, f"not TOML: {error}", "TOML, one table for each source") from None
