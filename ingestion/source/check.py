"""`python -m ingestion.source.check [FILE]` (make check-sources): check the descriptions in a sources file.

It prints a line for each right source and for each mistake, and exits with 1 if there is a mistake. It reads app
settings from the environment and `local.settings.json`, as the app does. It lists settings that it finds in
neither, but does not count them as mistakes.
"""

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ingestion import clock
from ingestion.concealed import conceal
from ingestion.errors import InvalidInput
from ingestion.source.auth.kinds import credentials_of
from ingestion.source.description.file import read_source, read_tables, wrong_name
from ingestion.source.description.source import Source
from ingestion.source.description.table import settings_in
from ingestion.source.description.values import FROM, TO, sends, undeclared
from ingestion.storage.account import read_account

LOCAL_SETTINGS = "local.settings.json"


def check(file: Path, environment: Mapping[str, str]) -> tuple[list[str], bool]:
    """Return the lines to print, and whether there is no mistake."""
    try:
        tables = read_tables(file)
    except InvalidInput as error:
        return [str(error)], False
    if not tables:
        return [str(InvalidInput(file.name, "describes no source", "one table for each source"))], False
    lines: list[str] = []
    named: list[str] = []
    missing: set[str] = set()
    well = True
    for name, table in tables.items():
        where = f"{file.name}: {name}"
        source, wrong = read_source(table, where, environment)
        wrong = [*wrong_name(name, where), *wrong]
        wrong = [InvalidInput(each.field, conceal(each.problem), each.allowed) for each in wrong]
        lines += [str(mistake) for mistake in wrong] or [f"{name}: ok, {_summary(table, source)}"]
        well = well and not wrong
        named += settings_in(table)
        if source and not wrong:
            named += [credential.setting for credential in credentials_of(source.auth)]
            lines += [_as_text(name, *each) for each in undeclared(table)]
            lines += _not_yet(name, source)
            lines += _without_end(name, table, source)
            missing |= {f"({error})" for error in _missing(source.messages.accounts, environment)}
    how = f"export {{0}}=..., or put it into {LOCAL_SETTINGS}"
    unset = [name for name in dict.fromkeys(named) if not environment.get(name)]
    lines += [f"(the app setting {name} is not set here: {how.format(name)})" for name in unset]
    lines += sorted(missing)
    if settings_in(tables).keys() - environment.keys():
        lines.append("(Sluice replaces %NAME% with the app setting NAME; write %% for a percent sign)")
    return lines, well


def _summary(table: Any, source: Source | None) -> str:
    """Return the pagination style of a source and, if it has a schedule, its next due time, in its zone and in UTC."""
    style = str(table["pagination"]["style"])
    if source is None or (schedule := source.due_times) is None:
        return style
    due = next(schedule.after(clock.now()))
    there = due.astimezone(ZoneInfo(schedule.time_zone))
    return f"{style}; next due {there:%Y-%m-%d %H:%M} {schedule.time_zone} ({due:%Y-%m-%dT%H:%MZ})"


def _as_text(source: str, name: str, key: str) -> str:
    """Return the hint about a name in braces that may be meant as text."""
    lacks = "table incremental" if name in (FROM, TO) else f"parameter {name}"
    return f"({source}.{key}: {{{name}}} is sent unchanged, because the source has no {lacks})"


def _not_yet(name: str, source: Source) -> Iterator[str]:
    """Yield the hint about a first run that has nothing to read."""
    incremental = source.incremental
    if incremental and incremental.has_until and incremental.first > int(clock.now().timestamp()):
        first = incremental.text(incremental.first)
        yield f"({name}.incremental.start: {first} is later than now: no run reads anything until then)"


def _without_end(name: str, table: Any, source: Source) -> Iterator[str]:
    """Yield the hint about carry = "clock" if neither {to} nor a key limits a run to its range."""
    incremental = source.incremental
    if incremental and incremental.carry == "clock" and incremental.key is None and not sends(table, TO):
        yield (
            f"({name}.incremental: without {{to}} and key a run cannot leave newer items to the next run, which reads "
            "them again and drops those that have not changed: send {to}, or set key)"
        )


def _missing(accounts: Iterable[str], environment: Mapping[str, str]) -> Iterator[InvalidInput]:
    for setting in accounts:
        try:
            read_account(setting, environment)
        except InvalidInput as error:
            yield error


def local_settings(file: Path) -> dict[str, str]:
    """Return the app settings in `local.settings.json`. Raise InvalidInput if the host could not read it."""
    if not file.exists():
        return {}
    try:
        found = json.loads(file.read_bytes().decode("utf-8", "replace") or "{}")
        values, encrypted = found.get("Values") or {}, found.get("IsEncrypted")
        if encrypted or any(isinstance(value, dict | list) for value in values.values()):
            raise ValueError("encrypted" if encrypted else "values inside of values")
    except (OSError, ValueError, AttributeError) as error:
        raise InvalidInput(file.name, f"cannot be read: {error}", '{"Values": {"NAME": "text"}}') from None
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return {name: text for name, text in texts.items() if values[name] is not None}


def main() -> int:
    try:
        environment = {**local_settings(Path(LOCAL_SETTINGS)), **os.environ}
    except InvalidInput as error:
        print(error)
        return 1
    parser = ArgumentParser("python -m ingestion.source.check", description="Check a file of sources.")
    parser.add_argument("file", nargs="?", default=environment.get("SLUICE_SOURCES") or "sources.toml")
    lines, well = check(Path(parser.parse_args().file), environment)
    print("\n".join(lines))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
