"""What is wrong with a description, by the keys of its file. No app setting that was filled in is shown."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from ingestion.errors import InvalidInput
from ingestion.source.description.placeholder import settings_in
from ingestion.source.reading.path import ABSENT, exactly_at
from ingestion.validation import details


def mistakes(error: ValidationError, table: Any, where: str, environment: Mapping[str, str]) -> list[InvalidInput]:
    """Return all that is wrong with `table`, which is at `where` in the file: one error a key, unknown keys first.

    A value that depends on an app setting that is not set counts as right.
    """
    found: dict[str, InvalidInput] = {}
    for each in sorted(details(error), key=lambda each: each["type"] != "extra_forbidden"):
        keys = _keys(each["loc"], table)
        if any(name not in environment for name in settings_in(exactly_at(table, keys))):
            continue
        field, problem = ".".join((where, *keys)), each["msg"]
        if field in found:  # each of several types that may be there has its say
            problem = f"{found[field].problem}; or {problem}"
        found[field] = InvalidInput(field, problem, each.get("ctx", {}).get("allowed", ""))
    return list(found.values())


def _keys(location: Iterable[int | str], table: Any) -> tuple[str, ...]:
    """Return the keys of the file at a location; pydantic names the kinds of tables and the types it tried as well."""
    keys: tuple[str, ...] = ()
    last = ""
    for last in map(str, location):
        if exactly_at(table, (*keys, last)) is not ABSENT:
            keys = (*keys, last)
    missing = isinstance(exactly_at(table, keys), dict) and keys[-1:] != (last,)
    return (*keys, last) if missing and last else keys
