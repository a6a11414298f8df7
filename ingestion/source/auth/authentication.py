"""Credentials of a source: by name in its description, by value only here, and only in requests to its own origin.

Enters: an `auth` table, whose credentials are names of app settings, and the settings. Leaves: headers and query
parameters. OAuth 2 tokens are asked for when they are needed and kept until shortly before they expire.
"""

import asyncio
import base64
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from urllib.parse import quote, quote_plus, unquote_plus, urlsplit, urlunsplit

import httpx
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ingestion.errors import InvalidInput, SourceRefused
from ingestion.source.http.origin import Url, address
from ingestion.source.http.outage import in_words
from ingestion.source.waiting.wait import seconds_from
from ingestion.validation import not_allowed

RENEWED_BEFORE_SECONDS = 60.0  # a token is not used in the last minute of its life
DEFAULT_LIFE_SECONDS = 300.0  # of a token whose answer does not say
TOKEN_TIMEOUT_SECONDS = 30.0
SETTING_FIELDS = ("token", "key", "user", "password", "client_id", "client_secret")  # whatever the kind
SHORTEST_CONCEALED = 4  # three characters protect nothing, and concealing them would tear words apart
UNENCODED_FIELDS = ("token", "key")  # in a header as they are; the others are encoded, umlauts and all


def _is_name(given: Any) -> Any:
    if not isinstance(given, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", given):  # shown it is not: a secret?
        raise not_allowed("not a name", "the name of an app setting, such as SHOP_TOKEN, that holds the credential")
    return given


SettingName = Annotated[str, BeforeValidator(_is_name)]
_FROZEN = ConfigDict(frozen=True, extra="forbid")


class Bearer(BaseModel):
    """`Authorization: Bearer TOKEN`."""

    model_config = _FROZEN

    kind: Literal["bearer"]
    token: SettingName


class ApiKey(BaseModel):
    """A key in a header or in the query; `prefix` stands before it (`Token `, `SSWS `)."""

    model_config = _FROZEN

    kind: Literal["api_key"]
    key: SettingName
    header: str | None = None
    query: str | None = None
    prefix: str = ""

    @model_validator(mode="after")
    def _one_place(self) -> "ApiKey":
        if (self.header is None) == (self.query is None):
            problem = "missing" if self.header is None else "one too many"
            raise not_allowed(problem, "either header or query, the name of the place where the key goes", "header")
        return self


class Basic(BaseModel):
    """HTTP basic authentication; some APIs take the key as the user and no password."""

    model_config = _FROZEN

    kind: Literal["basic"]
    user: SettingName
    password: SettingName | None = None


class ClientCredentials(BaseModel):
    """OAuth 2 client credentials: a token from `token_url`, renewed before it expires and after a 401."""

    model_config = _FROZEN

    kind: Literal["client_credentials"]
    token_url: Url
    client_id: SettingName
    client_secret: SettingName
    send: Literal["body", "basic"] = "body"  # where id and secret go
    scope: str | None = None
    extra: dict[str, str] = {}  # further form fields: audience, resource


Auth = Annotated[Bearer | ApiKey | Basic | ClientCredentials, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What makes a request authentic."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


class TokenUnavailable(Exception):
    """The token endpoint did not answer, or was ill; asking again may help."""


_tokens: dict[str, tuple[str, float]] = {}  # of this process, over all runs: token, and when to renew it


class Authentication:
    """The credentials of one source, as requests need them."""

    def __init__(
        self,
        auth: Bearer | ApiKey | Basic | ClientCredentials | None,
        environment: Mapping[str, str],
        http: httpx.AsyncClient,
        now: Callable[[], float] = time.time,
        other_secrets: Iterable[str] = (),
    ) -> None:
        """`other_secrets` are concealed like the credentials. Raises InvalidInput for a setting that is none."""
        self._auth, self._http, self._now = auth, http, now
        self._values = secrets_of(auth, environment)
        self._concealed: set[str] = set()
        self._conceal(*self._values.values(), *other_secrets)
        for user, password in (("user", "password"), ("client_id", "client_secret")):
            if user in self._values:
                self._conceal(_pair(self._values[user], self._values.get(password, "")))
        self._token_key = f"{self._values.get('client_id')} {auth.model_dump_json() if auth else ''}"
        self._asking = asyncio.Lock()  # parallel fetches share one answer

    async def credentials(self) -> Credentials:
        """Headers and query parameters. Raises SourceRefused or TokenUnavailable if a token cannot be had."""
        values = self._values
        match self._auth:
            case Bearer():
                return Credentials(headers={"Authorization": f"Bearer {values['token']}"})
            case ApiKey(header=str(name), prefix=prefix):
                return Credentials(headers={name: prefix + values["key"]})
            case ApiKey(query=str(name), prefix=prefix):
                return Credentials(query={name: prefix + values["key"]})
            case Basic():
                return Credentials(headers={"Authorization": _basic(values["user"], values.get("password", ""))})
            case ClientCredentials():
                return Credentials(headers={"Authorization": f"Bearer {await self._token(self._auth)}"})
        return Credentials()

    def renew(self, refused: httpx.Request) -> bool:
        """Forget the token that was refused with this request; False where there is none that could be renewed.

        Another request may have renewed it meanwhile: that one stays.
        """
        if not isinstance(self._auth, ClientCredentials):
            return False
        token, _ = _tokens.get(self._token_key, ("", 0.0))
        if refused.headers.get("Authorization") == f"Bearer {token}":
            del _tokens[self._token_key]
        return True

    def without_credentials(self, url: httpx.URL) -> httpx.URL:
        """The URL without the key that a redirect may have copied into it."""
        return httpx.URL(without_key(self._auth, str(url)))

    def concealed(self, text: str) -> str:
        """`text`, fit for an error or a log, should the source repeat its credentials in it."""
        for secret in sorted(self._concealed, key=len, reverse=True):  # whole ones before their parts
            text = text.replace(secret, "***")
        return text

    def _conceal(self, *secrets: str) -> None:
        """Conceal these from now on, also as URLs and JSON have them."""
        for secret in secrets:
            if len(secret) >= SHORTEST_CONCEALED:
                self._concealed |= {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
                self._concealed.add(json.dumps(secret)[1:-1])

    async def _token(self, auth: ClientCredentials) -> str:
        async with self._asking:
            token, renewed_from = _tokens.get(self._token_key, ("", 0.0))
            if self._now() >= renewed_from:
                token, life = _token_in(await self._token_answer(auth), auth, self._now())
                _tokens[self._token_key] = (token, self._now() + life)
            self._conceal(token)
            return token

    async def _token_answer(self, auth: ClientCredentials) -> httpx.Response:
        form = {"grant_type": "client_credentials", **({"scope": auth.scope} if auth.scope else {}), **auth.extra}
        headers = {"Accept": "application/json"}
        if auth.send == "basic":
            headers["Authorization"] = _basic(self._values["client_id"], self._values["client_secret"])
        else:
            form |= {"client_id": self._values["client_id"], "client_secret": self._values["client_secret"]}
        try:
            return await self._http.post(
                auth.token_url, data=form, headers=headers, timeout=TOKEN_TIMEOUT_SECONDS, follow_redirects=False
            )
        except httpx.TransportError as error:
            raise TokenUnavailable(f"{address(auth.token_url)}: {in_words(error)}") from error


def without_key(auth: BaseModel | None, url: str) -> str:
    """The URL without the key that the source may have copied into it; the rest of it as it was."""
    if not isinstance(auth, ApiKey) or auth.query is None:
        return url
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if unquote_plus(pair.partition("=")[0]) != auth.query]
    return urlunsplit(parts._replace(query="&".join(kept)))


def secrets_of(auth: BaseModel | None, environment: Mapping[str, str]) -> dict[str, str]:
    """The credentials by field. Raises InvalidInput, naming field and app setting, if one is not set or no credential.

    The errors never show the value.
    """
    values = {}
    for name in SETTING_FIELDS:
        setting = getattr(auth, name, None)
        if setting is None:
            continue
        if not environment.get(setting):
            raise InvalidInput(f"auth.{name}", f"the app setting {setting} is not set", "the name of an app setting")
        values[name] = environment[setting]
        if (problem := _unfit(values[name], ascii_only=name in UNENCODED_FIELDS)) is not None:
            raise InvalidInput(f"auth.{name}", f"the app setting {setting} {problem}", "the credential alone")
    return values


def _unfit(value: str, *, ascii_only: bool) -> str | None:
    """Why a credential cannot be right as it is, without showing it."""
    if value != value.strip():
        return "begins or ends with white space, such as the line feed that echo adds"
    if not value.isprintable():
        return "holds a control character"
    return "holds a character that is not ASCII" if ascii_only and not value.isascii() else None


def _token_in(response: httpx.Response, auth: ClientCredentials, now: float) -> tuple[str, float]:
    """The token and the seconds for which it can be used. Raises TokenUnavailable, SourceRefused."""
    place = address(auth.token_url)
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
        raise TokenUnavailable(f"{place} answered HTTP {response.status_code}")
    try:
        answer: Any = response.json()
    except ValueError:
        answer = None
    if not response.is_success or not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
        reason = answer.get("error") if isinstance(answer, dict) else None
        raise SourceRefused(
            f"{place} gave no token: HTTP {response.status_code}, {reason or 'without a reason'}. Check the app "
            f"settings {auth.client_id} and {auth.client_secret}, and auth.scope in the sources file."
        )
    life = seconds_from(answer.get("expires_in", ""), now, "seconds") or DEFAULT_LIFE_SECONDS
    return answer["access_token"], max(life - RENEWED_BEFORE_SECONDS, life / 2)


def _basic(user: str, password: str) -> str:
    return f"Basic {_pair(user, password)}"


def _pair(user: str, password: str) -> str:
    """A user and a password as basic authentication writes them."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()
