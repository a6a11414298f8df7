"""`python -m ingestion.source.check [FILE]` (make check-sources): is every source in the file described rightly?

It prints a line for each source that is right, and for each mistake in one that is not, and then exits with 1. App
settings that are not set here are listed, and count as no mistake of the file.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ingestion.errors import InvalidInput
from ingestion.source.auth.kinds import SETTING_FIELDS
from ingestion.source.description.file import read_source, read_tables
from ingestion.source.description.mistakes import items_in
from ingestion.source.description.placeholder import settings_in


def check(file: Path, environment: Mapping[str, str]) -> tuple[list[str], bool]:
    """Return the lines to print, and whether all is well."""
    try:
        tables = read_tables(file)
    except InvalidInput as error:
        return [str(error)], False
    if not tables:
        return [str(InvalidInput(file.name, "describes no source", "one table for each source"))], False
    lines, named, well = [], [], True
    for name, table in tables.items():
        credentials = [str(each) for key, each in items_in(table, "auth") if key in SETTING_FIELDS]
        unset = {*settings_in(table), *credentials} - environment.keys()
        _, wrong = read_source(table, f"{file.name}: {name}", environment, unset)
        lines += [str(mistake) for mistake in wrong]
        if not wrong:
            lines.append(f"{name}: ok, {table['pagination']['style']}")
            named += credentials
        well = well and not wrong
        named += settings_in(table)
    lines += [f"(the app setting {name} is not set here)" for name in dict.fromkeys(named) if not environment.get(name)]
    if settings_in(tables).keys() - environment.keys():
        lines.append("(%NAME% stands for an app setting; a percent sign is written %%)")
    return lines, well


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
