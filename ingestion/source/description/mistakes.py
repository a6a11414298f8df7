"""What is wrong with a description, by the keys of its file. No app setting that was filled in is shown."""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ingestion.errors import InvalidInput
from ingestion.source.auth.kinds import SETTING_FIELDS
from ingestion.source.description.placeholder import settings_in
from ingestion.source.reading.path import ABSENT, exactly_at
from ingestion.validation import details

HEADERS = {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token", "x-access-token"}
PARAMETERS = {"api_key", "apikey", "api-key", "access_token", "token", "client_secret", "password", "secret", "sig"}
_NOT_HERE = "credentials do not belong in this file"
_WITH_USER = re.compile(r"[a-z]+://[^/?#]*@", re.IGNORECASE)


def mistakes(error: ValidationError, table: Any, where: str, unset: Collection[str]) -> list[InvalidInput]:
    """Return all that is wrong with `table`, which is at `where` in the file: one error a key, unknown keys first.

    A value that depends on an app setting in `unset` counts as right.
    """
    found: dict[str, InvalidInput] = {}
    for each in sorted(details(error), key=lambda each: each["type"] != "extra_forbidden"):
        keys = _keys(each, table)
        if not settings_in(exactly_at(table, keys)).keys().isdisjoint(unset):
            continue
        field, problem = ".".join((where, *keys)), each["msg"]
        if field in found:  # each of several types that may be there has its say
            problem = f"{found[field].problem}; or {problem}"
        found[field] = InvalidInput(field, problem, each.get("ctx", {}).get("allowed", ""))
    return list(found.values())


def _keys(error: ErrorDetails, table: Any) -> tuple[str, ...]:
    """Return the keys of the file at an error; pydantic names the kinds of tables and the types it tried as well."""
    keys: tuple[str, ...] = ()
    last = ""
    for last in map(str, error["loc"]):
        if exactly_at(table, (*keys, last)) is not ABSENT:
            keys = (*keys, last)
    of_a_type = error["type"].endswith("_type")  # then the last is a type that was tried, not a key that is missing
    missing = isinstance(exactly_at(table, keys), dict) and keys[-1:] != (last,) and not of_a_type
    return (*keys, last) if missing and last else keys


def secrets_in(table: Any, where: str) -> Iterator[InvalidInput]:
    """Yield an error for each header, parameter or url of a source that holds a credential; %NAME% is none.

    They are refused, since the file goes into version control.
    """
    for key, names in (("headers", HEADERS), ("query", PARAMETERS)):
        for name, value in items_in(table, key):
            if name.lower() in names and not settings_in(value):
                allowed = "the table auth, or %NAME% for the app setting NAME"
                yield InvalidInput(f"{where}.{key}.{name}", _NOT_HERE, allowed)
    for name, value in items_in(table, "auth"):
        if name in SETTING_FIELDS and settings_in(value):  # filled in, the credential would be the name, and be shown
            yield InvalidInput(f"{where}.auth.{name}", "not a name", "the name of an app setting, without %")
    url = exactly_at(table, ("url",))
    if isinstance(url, str) and _WITH_USER.match(url):
        yield InvalidInput(f"{where}.url", _NOT_HERE, "a url without a user; see auth")


def items_in(table: Any, key: str) -> Iterable[tuple[str, Any]]:
    """Return the keys and values of the table at `key`, none where there is no table."""
    inner = exactly_at(table, (key,))
    return inner.items() if isinstance(inner, dict) else ()
