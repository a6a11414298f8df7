"""Credentials that somebody wrote into a description: they are refused, since the file goes into version control."""

import re
from collections.abc import Iterator
from typing import Any

from ingestion.errors import InvalidInput
from ingestion.source.auth import SETTING_FIELDS
from ingestion.source.description.placeholder import settings_in

HEADERS = {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token", "x-access-token"}
PARAMETERS = {"api_key", "apikey", "api-key", "access_token", "token", "client_secret", "password", "secret", "sig"}
_NOT_HERE = "credentials do not belong in this file"
_WITH_USER = re.compile(r"[a-z]+://[^/?#]*@", re.IGNORECASE)


def secrets_in(table: Any, where: str) -> Iterator[InvalidInput]:
    """Yield an error for each header, parameter or url of a source that holds a credential; %NAME% is none."""
    if not isinstance(table, dict):
        return
    for key, names in (("headers", HEADERS), ("query", PARAMETERS)):
        for name, value in _items(table.get(key)):
            if name.lower() in names and not settings_in(value):
                allowed = "the table auth, or %NAME% for the app setting NAME"
                yield InvalidInput(f"{where}.{key}.{name}", _NOT_HERE, allowed)
    for name, value in _items(table.get("auth")):
        if name in SETTING_FIELDS and settings_in(value):  # filled in, the credential would be the name, and be shown
            yield InvalidInput(f"{where}.auth.{name}", "not a name", "the name of an app setting, without %")
    if isinstance(url := table.get("url"), str) and _WITH_USER.match(url):
        yield InvalidInput(f"{where}.url", _NOT_HERE, "a url without a user; see auth")


def _items(table: Any) -> Iterator[tuple[str, Any]]:
    yield from table.items() if isinstance(table, dict) else ()
