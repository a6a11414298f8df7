"""Credentials that somebody wrote into a description: they are refused, since the file goes into version control.

Enters: the table of a source as it is in the file. Leaves: nothing, or an InvalidInput that says where they belong.
"""

from typing import Any
from urllib.parse import urlsplit

from ingestion.errors import InvalidInput
from ingestion.source.auth import SETTING_FIELDS

HEADERS = {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token", "x-access-token"}
PARAMETERS = {"api_key", "apikey", "api-key", "access_token", "token", "client_secret", "password", "secret", "sig"}


def refuse_secrets(table: Any, where: str) -> None:
    """Raise InvalidInput if a header, a parameter or the url of a source holds a credential; %NAME% is none."""
    if not isinstance(table, dict):
        return
    for key, names in (("headers", HEADERS), ("query", PARAMETERS)):
        given = table.get(key)
        for name, value in given.items() if isinstance(given, dict) else ():
            if name.lower() in names and "%" not in str(value):
                raise InvalidInput(
                    f"{where}.{key}.{name}",
                    "credentials do not belong in this file",
                    "the table auth, or %NAME% for the app setting NAME",
                )
    auth = table.get("auth")
    for name, value in auth.items() if isinstance(auth, dict) else ():
        if name in SETTING_FIELDS and "%" in str(value):  # filled in, the credential would be the name, and be shown
            raise InvalidInput(f"{where}.auth.{name}", "not a name", "the name of an app setting, without %")
    if isinstance(url := table.get("url"), str) and "@" in urlsplit(url).netloc:
        raise InvalidInput(f"{where}.url", "credentials do not belong in this file", "a url without a user; see auth")
