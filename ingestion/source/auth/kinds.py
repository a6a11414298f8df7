"""The `auth` table of a source. It names app settings, and Sluice reads the credentials from them."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote_plus, urlsplit, urlunsplit

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from ingestion.source.http.origin import Url
from ingestion.validation import UNRESOLVED, Table, is_unresolved, not_allowed

SETTING_FIELDS = ("token", "key", "user", "password", "client_id", "client_secret")  # of all kinds
UNENCODED_FIELDS = ("token", "key")  # go into a request unencoded, so they must be ASCII


@dataclass(frozen=True, slots=True)
class Credential:
    """An app setting and the credential in it; no error shows the credential."""

    setting: str
    value: str = field(repr=False)


def _read(given: Any, info: ValidationInfo) -> Credential:
    """Return the credential in the app setting `given`; the context of the validation has the app settings."""
    # The error does not show `given`, because that may be a secret.
    if not isinstance(given, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", given):
        raise not_allowed("not a name", "the name of an app setting, such as SHOP_TOKEN, that holds the credential")
    value = "" if info.context is None else info.context[given]
    if problem := _problem(value, ascii_only=info.field_name in UNENCODED_FIELDS):
        raise not_allowed(f"the app setting {given} {problem}", "the credential alone")
    return Credential(given, value)


def _problem(value: str, *, ascii_only: bool) -> str | None:
    if not value:
        return "is not set"
    if is_unresolved(value):
        return UNRESOLVED
    if value != value.strip():
        return "begins or ends with white space, such as the line feed that echo adds"
    if not value.isprintable():
        return "holds a control character"
    return "holds a character that is not ASCII" if ascii_only and not value.isascii() else None


Setting = Annotated[Credential, BeforeValidator(_read)]


class Bearer(Table):
    """`Authorization: Bearer TOKEN`."""

    kind: Literal["bearer"]
    token: Setting


class ApiKey(Table):
    """A key in a header or in the query, after `prefix` (such as `Token ` or `SSWS `)."""

    kind: Literal["api_key"]
    key: Setting
    header: str | None = None
    query: str | None = None
    prefix: Annotated[str, Field(pattern="^([!-~][ -~]*)?$")] = ""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.header is None) == (self.query is None):
            problem = "missing" if self.header is None else "both header and query are set"
            raise not_allowed(problem, "either header or query, with the name under which the key is sent", "header")
        return self


class Basic(Table):
    """HTTP basic authentication. Some APIs take the key as the user, and no password."""

    kind: Literal["basic"]
    user: Setting
    password: Setting | None = None


class ClientCredentials(Table):
    """OAuth 2 client credentials: a token from `token_url`, renewed before it expires and after a 401."""

    kind: Literal["client_credentials"]
    token_url: Url
    client_id: Setting
    client_secret: Setting
    send: Literal["body", "basic"] = "body"  # where id and secret go
    scope: str | None = None
    extra: dict[str, str] = {}  # further form fields: audience, resource


Auth = Annotated[Bearer | ApiKey | Basic | ClientCredentials, Field(discriminator="kind")]


def secrets_of(auth: Auth | None) -> dict[str, str]:
    """Return the credentials by the names of their settings, and the pair that basic authentication sends."""
    given = credentials_of(auth)
    pair = {":".join(each.setting for each in given): ":".join(each.value for each in given)}
    return {credential.setting: credential.value for credential in given} | pair


def credentials_of(auth: Auth | None) -> list[Credential]:
    """Return the credentials of any kind of `auth`."""
    return [value for _, value in auth or () if isinstance(value, Credential)]


def without_key(auth: Auth | None, url: str, keep: Callable[[str], bool] = lambda _: True) -> str:
    """Return the URL without the key that the source may have copied into it; do not change the rest.

    Also leave out each query parameter for which `keep` returns False.
    """
    if "?" not in url:
        return url
    name, parts = auth.query if isinstance(auth, ApiKey) else None, urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if unquote_plus(pair.partition("=")[0]) != name and keep(pair)]
    if len(kept) == parts.query.count("&") + 1:
        return url
    return urlunsplit(parts._replace(query="&".join(kept)))
