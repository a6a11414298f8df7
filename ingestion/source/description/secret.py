"""Credentials that somebody wrote into a description: they are refused, since the file goes into version control.

Enters: the table of a source as it is in the file. Leaves: what has to go, and where it belongs.
"""

import re
from collections.abc import Iterator
from typing import Any

from ingestion.source.auth.authentication import SETTING_FIELDS
from ingestion.source.description.finding import Finding
from ingestion.source.description.placeholder import settings_in

HEADERS = {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token", "x-access-token"}
PARAMETERS = {"api_key", "apikey", "api-key", "access_token", "token", "client_secret", "password", "secret", "sig"}
_NOT_HERE = "credentials do not belong in this file"
_WITH_USER = re.compile(r"[a-z]+://[^/?#]*@", re.IGNORECASE)


def secrets_in(table: Any) -> Iterator[Finding]:
    """Each header, parameter or url of a source that holds a credential; %NAME% is none."""
    if not isinstance(table, dict):
        return
    for key, names in (("headers", HEADERS), ("query", PARAMETERS)):
        given = table.get(key)
        for name, value in given.items() if isinstance(given, dict) else ():
            if name.lower() in names and not settings_in(value):
                yield Finding(f"{key}.{name}", _NOT_HERE, "the table auth, or %NAME% for the app setting NAME")
    auth = table.get("auth")
    for name, value in auth.items() if isinstance(auth, dict) else ():
        if name in SETTING_FIELDS and settings_in(value):  # filled in, the credential would be the name, and be shown
            yield Finding(f"auth.{name}", "not a name", "the name of an app setting, without %")
    if isinstance(url := table.get("url"), str) and _WITH_USER.match(url):
        yield Finding("url", _NOT_HERE, "a url without a user; see auth")
