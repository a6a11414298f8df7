"""`python -m ingestion.source.check [FILE]` (make check-sources): is every source in the file described rightly?

It prints a line for each source that is right, and for each mistake in one that is not, and then exits with 1. App
settings that are not set here are listed, and count as no mistake of the file.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ingestion.errors import InvalidInput
from ingestion.source.auth import SETTING_FIELDS
from ingestion.source.description import Source
from ingestion.source.description.file import read_tables
from ingestion.source.description.mistakes import mistakes
from ingestion.source.description.placeholder import settings_in, stood_in
from ingestion.source.description.secret import secrets_in


def check(file: Path, environment: Mapping[str, str]) -> tuple[list[str], bool]:
    """Return the lines to print, and whether all is well."""
    try:
        tables = read_tables(file)
    except InvalidInput as error:
        return [str(error)], False
    if not tables:
        return [str(InvalidInput(file.name, "describes no source", "one table for each source"))], False
    lines, unset, well = [], [], True
    for name, table in tables.items():
        found = _mistakes(table, f"{file.name}: {name}", environment)
        lines += [str(mistake) for mistake in found]
        well = well and not found
        if not found:
            lines.append(f"{name}: ok, {table['pagination']['style']}")
            unset += [setting for field in SETTING_FIELDS if (setting := table.get("auth", {}).get(field))]
        unset += settings_in(table)
    lines += [f"(the app setting {name} is not set here)" for name in dict.fromkeys(unset) if not environment.get(name)]
    if set(settings_in(tables)) - set(environment):
        lines.append("(%NAME% stands for an app setting; a percent sign is written %%)")
    return lines, well


def _mistakes(table: Any, where: str, environment: Mapping[str, str]) -> list[InvalidInput]:
    """Return what is wrong with a source, whatever the app settings are that are not set here."""
    secrets = list(secrets_in(table, where))
    try:
        Source.model_validate(stood_in(table, environment))
    except ValidationError as error:
        fields = {secret.field for secret in secrets}
        return secrets + [each for each in mistakes(error, table, where, environment) if each.field not in fields]
    return secrets


def main() -> int:
    arguments = sys.argv[1:] or [os.environ.get("SLUICE_SOURCES", "sources.toml")]
    if arguments[0].startswith("-") or len(arguments) > 1:
        print("usage: python -m ingestion.source.check [FILE]")
        return 0 if arguments[0] in ("-h", "--help") else 2
    lines, well = check(Path(arguments[0]), os.environ)
    print("\n".join(lines))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
