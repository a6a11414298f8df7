"""`python -m ingestion.source.check [FILE]` (make check-sources): is every source in the file described as it may be?

Enters: the path of a sources.toml, by default that of SLUICE_SOURCES. Leaves: a line for each source that is right, and
for each finding in one that is not; 1 as the exit code if there is a finding. App settings that are not set here are
told, and count as no mistake of the file.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingestion.errors import InvalidInput
from ingestion.source.auth.authentication import SETTING_FIELDS
from ingestion.source.description.finding import Finding
from ingestion.source.description.placeholder import settings_in, stood_in
from ingestion.source.description.secret import secrets_in
from ingestion.source.description.source import Source, described_by, invalid_source, read_tables


def check(file: Path, environment: Mapping[str, str]) -> tuple[list[str], bool]:
    """The lines to print, and whether all is well."""
    try:
        tables = read_tables(file)
    except InvalidInput as error:
        return [str(error)], False
    if not tables:
        return [str(InvalidInput(file.name, "describes no source", "one table for each source"))], False
    lines, unset, well = [], [], True
    for name, table in tables.items():
        found = _found(table, environment)
        lines += [str(invalid_source(f"{file.name}: {name}", finding)) for finding in found]
        well = well and not found
        if not found:
            lines.append(f"{name}: ok, {table['pagination']['style']}")
            unset += [setting for field in SETTING_FIELDS if (setting := table.get("auth", {}).get(field))]
        unset += settings_in(table)
    lines += [f"(the app setting {name} is not set here)" for name in dict.fromkeys(unset) if not environment.get(name)]
    if set(settings_in(tables)) - set(environment):
        lines.append("(%NAME% stands for an app setting; a percent sign is written %%)")
    return lines, well


def _found(table: Any, environment: Mapping[str, str]) -> list[Finding]:
    """What is wrong with a source, whatever the app settings are that are not set here."""
    described = described_by(table, stood_in(table, environment))
    found = [] if isinstance(described, Source) else described
    secrets = list(secrets_in(table))
    keys = {secret.key for secret in secrets}
    return secrets + [each for each in found if each.key not in keys and not _is_unset(each.given, environment)]


def _is_unset(given: Any, environment: Mapping[str, str]) -> bool:
    return any(setting not in environment for setting in settings_in(given))


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
