"""`python -m ingestion.source.check [FILE]` (make check-sources): is every source in the file described rightly?

It prints a line for each source that is right, and for each mistake in one that is not, and then exits with 1. App
settings that are not set here are listed, and count as no mistake of the file.
"""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path

from ingestion.concealed import conceal
from ingestion.errors import InvalidInput
from ingestion.source.auth.kinds import credentials_of
from ingestion.source.description.file import read_source, read_tables
from ingestion.source.description.table import settings_in


def check(file: Path, environment: Mapping[str, str]) -> tuple[list[str], bool]:
    """Return the lines to print, and whether all is well."""
    try:
        tables = read_tables(file)
    except InvalidInput as error:
        return [str(error)], False
    if not tables:
        return [str(InvalidInput(file.name, "describes no source", "one table for each source"))], False
    lines: list[str] = []
    named: list[str] = []
    well = True
    for name, table in tables.items():
        source, wrong = read_source(table, f"{file.name}: {name}", environment)
        lines += [conceal(str(mistake)) for mistake in wrong] or [f"{name}: ok, {table['pagination']['style']}"]
        well = well and not wrong
        named += settings_in(table)
        named += [credential.setting for credential in credentials_of(source.auth)] if source and not wrong else []
    lines += [f"(the app setting {name} is not set here)" for name in dict.fromkeys(named) if not environment.get(name)]
    if settings_in(tables).keys() - environment.keys():
        lines.append("(%NAME% stands for an app setting; a percent sign is written %%)")
    return lines, well


def main() -> int:
    parser = ArgumentParser("python -m ingestion.source.check", description="Check a file of sources.")
    parser.add_argument("file", nargs="?", default=os.environ.get("SLUICE_SOURCES", "sources.toml"))
    lines, well = check(Path(parser.parse_args().file), os.environ)
    print("\n".join(lines))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
