"""Put the credentials of a source into its requests: the `auth` of the HTTP client.

OAuth 2 tokens are requested when they are needed, and kept until shortly before they expire.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx

from ingestion.concealed import add_secrets, quoted
from ingestion.errors import SourceRefused
from ingestion.source.auth.kinds import ApiKey, Auth, Basic, Bearer, ClientCredentials
from ingestion.source.http.origin import address
from ingestion.source.http.outage import NoAnswer, in_words
from ingestion.source.reading.body import ACCEPT_ENCODING, beginning
from ingestion.source.waiting.wait import seconds_from

RENEWED_BEFORE_SECONDS = 60.0  # a token is not used in the last minute of its life
DEFAULT_LIFE_SECONDS = 300.0  # of a token without `expires_in`
TOKEN_TIMEOUT_SECONDS = 30.0
TOKEN_BYTES, MAX_TOKEN_CHARACTERS = 64 * 1024, 16 * 1024  # of the answer, and of the token in a header

Flow = httpx.Auth | Callable[[httpx.Request], httpx.Request] | None

_tokens: dict[str, tuple[str, float]] = {}  # each token, and when to renew it; all runs in the process share them


def flow_of(auth: Auth | None, http: httpx.AsyncClient) -> Flow:
    """Return the flow that puts the credentials into requests."""
    match auth:
        case Bearer(token=token):
            return partial(_with_header, name="Authorization", value=f"Bearer {token.value}")
        case ApiKey(key=key, header=str(name), prefix=prefix):
            return partial(_with_header, name=name, value=prefix + key.value)
        case ApiKey(key=key, query=str(name), prefix=prefix):
            return partial(_with_parameter, name=name, value=prefix + key.value)
        case Basic(user=user, password=password):
            return httpx.BasicAuth(user.value, password.value if password else "")
        case ClientCredentials(client_id=user, client_secret=password):
            return TokenAuth(auth, httpx.BasicAuth(user.value, password.value), http)
    return None


def _with_header(request: httpx.Request, name: str, value: str) -> httpx.Request:
    request.headers[name] = value
    return request


def _with_parameter(request: httpx.Request, name: str, value: str) -> httpx.Request:
    request.url = request.url.copy_merge_params({name: value})
    return request


@dataclass
class TokenAuth(httpx.Auth):
    """OAuth 2 client credentials. Parallel requests share one token, and one new token after a 401."""

    auth: ClientCredentials
    basic: httpx.BasicAuth
    http: httpx.AsyncClient
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send `request` with a token; if the source refuses the token, send it once more with another.

        Like any request, the second one first awaits `turn`, which is in the request's extensions. Raise SourceRefused
        or NoAnswer if there is no token.
        """
        token = await self._token()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            await response.stream.aclose()  # type: ignore[union-attr]
            response.stream = httpx.ByteStream(b"")  # else httpx would read the whole body
            request.headers["Authorization"] = f"Bearer {await self._token(refused=token)}"
            await request.extensions["turn"]()
            yield request

    async def _token(self, refused: str = "") -> str:
        """Return a token other than `refused`."""
        key = self.auth.model_dump_json()
        async with self.asking:
            token, renewed_from = _tokens.get(key, ("", 0.0))
            if token in ("", refused) or time.time() >= renewed_from:
                token, life = await self._new_token()
                _tokens[key] = token, time.time() + life
            add_secrets(token)
            return token

    async def _new_token(self) -> tuple[str, float]:
        """Return a token and the seconds for which to use it. Raise NoAnswer or SourceRefused if none is issued."""
        auth, place = self.auth, address(self.auth.token_url)
        form = {"grant_type": "client_credentials", **({"scope": auth.scope} if auth.scope else {})}
        if auth.send == "body":
            form |= {"client_id": auth.client_id.value, "client_secret": auth.client_secret.value}
        try:
            async with self.http.stream(
                "POST",
                auth.token_url,
                data=form | auth.extra,
                auth=self.basic if auth.send == "basic" else httpx.USE_CLIENT_DEFAULT,
                headers={"Accept": "application/json", "Accept-Encoding": ACCEPT_ENCODING},
                timeout=TOKEN_TIMEOUT_SECONDS,
            ) as response:
                body = await beginning(response, TOKEN_BYTES)
        except httpx.TransportError as error:
            raise NoAnswer(f"{place}: {in_words(error)}") from error
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
            raise NoAnswer(f"{place} answered HTTP {response.status_code}")
        try:
            answer: Any = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if not response.is_success or not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
            reason = answer.get("error") if isinstance(answer, dict) else None
            said = quoted(str(reason)) if reason else "without a reason"
            raise SourceRefused(
                f"{place} gave no token: HTTP {response.status_code}, {said}. Check the app "
                f"settings {auth.client_id.setting} and {auth.client_secret.setting}, and auth.scope in the sources "
                "file."
            )
        token = answer["access_token"]
        if not 0 < len(token) <= MAX_TOKEN_CHARACTERS or not token.isascii() or not token.isprintable():
            raise SourceRefused(
                f"{place} gave a token of {len(token):,} characters that no header can hold; allowed are 1 to "
                f"{MAX_TOKEN_CHARACTERS:,} printable ASCII characters. Check auth.token_url in the sources file."
            )
        life = seconds_from(answer.get("expires_in", ""), time.time()) or DEFAULT_LIFE_SECONDS
        return token, max(life - RENEWED_BEFORE_SECONDS, life / 2)
