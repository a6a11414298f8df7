"""`python -m ingestion.source.check [FILE]` (make check-sources): is every source in the file described as it may be?

Enters: the path of a sources.toml, by default that of SLUICE_SOURCES. Leaves: a line for each source; 1 as the exit
code if one of them is wrong. App settings that are not set here are told, and count as no mistake of the file.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from ingestion.errors import InvalidInput
from ingestion.source.auth import settings_of
from ingestion.source.description import PLACEHOLDER, load_source, source_names

STAND_IN = "http://app-setting.invalid"  # for what is set where the app runs, but not here


def check(file: Path, environment: Mapping[str, str]) -> tuple[list[str], bool]:
    """The lines to print, and whether all is well."""
    try:
        names = source_names(file)
    except InvalidInput as error:
        return [str(error)], False
    text = re.sub(r"(?m)^\s*#.*$", "", file.read_text(encoding="utf-8"))
    unset = sorted(set(re.findall(PLACEHOLDER, text)) - set(environment))
    filled = {**dict.fromkeys(unset, STAND_IN), **environment}
    lines, well = [], True
    for name in names:
        try:
            source = load_source(file, name, filled)
            unset += [setting for setting in settings_of(source.auth) if not environment.get(setting)]
            lines.append(f"{name}: ok, {source.pagination.style}")
        except InvalidInput as error:
            lines.append(str(error))
            well = False
    lines += [f"(the app setting {name} is not set here)" for name in dict.fromkeys(unset)]
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
