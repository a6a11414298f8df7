"""What opens a source stays with that source: no other account, no error, no log and no ledger gets to see it."""

import asyncio
import itertools
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ingestion.errors import InvalidInput
from ingestion.source.client import SourceClient
from ingestion.source.description import Source
from ingestion.source.exchange import http_client
from tests.sources.one_page import CURSOR, app_of, ask


def test_a_cookie_of_one_account_is_not_sent_with_the_token_of_another() -> None:
    sent: list[str | None] = []

    async def page(request: web.Request) -> web.Response:
        sent.append(request.headers.get("Cookie"))
        answer = web.json_response({"items": [1]})
        answer.set_cookie("session", request.headers["Authorization"])
        return answer

    async def run() -> None:
        async with TestServer(app_of(page)) as server, http_client(trust_env=False) as http:
            for token in ("first", "second"):
                auth = {"kind": "bearer", "token": "TOKEN"}
                table = {"url": str(server.make_url("/")), "items": "items", "auth": auth, "pagination": CURSOR}
                source = Source.model_validate(table)
                await SourceClient(source, http, environment={"TOKEN": token}).get(source.base_request())

    asyncio.run(run())
    assert sent == [None, None]


async def welcome(request: web.Request) -> web.Response:
    return web.json_response({"items": [request.headers.get("Authorization")]})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("s3cr3t\n", "white space"), (" s3cr3t", "white space"), ("s3cr3t\r\n", "white space"), ("\t", "white space"),
        ("s3\x00cr3t", "control character"), ("s3\ncr3t", "control character"), ("s3cr\u00e9t", "not ASCII"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("auth", [{"kind": "bearer", "token": "KEY"}, {"kind": "api_key", "key": "KEY", "query": "k"}])
def test_a_credential_that_cannot_be_right_is_refused_by_the_name_of_its_setting(
    auth: dict[str, Any], value: str, said: str
) -> None:
    with pytest.raises(InvalidInput, match=rf"auth\.(token|key): the app setting KEY .*{said}") as refused:
        asyncio.run(ask(welcome, {"KEY": value}, auth=auth))
    assert "s3" not in str(refused.value)


def test_a_password_may_have_letters_beyond_ascii_since_it_is_encoded() -> None:
    auth = {"kind": "basic", "user": "USER", "password": "PASSWORD"}
    page = asyncio.run(ask(welcome, {"USER": "m\u00fcller", "PASSWORD": "gr\u00fcn"}, auth=auth))
    assert page.items == ["Basic bcO8bGxlcjpncsO8bg=="]


def test_a_token_that_dies_under_parallel_requests_is_renewed_for_all_of_them() -> None:
    tokens, together, asked = itertools.count(), asyncio.Barrier(3), itertools.count()

    async def token(request: web.Request) -> web.Response:
        return web.json_response({"access_token": f"token-{next(tokens)}", "expires_in": 3600})

    async def page(request: web.Request) -> web.Response:
        if next(asked) > 0 and request.headers["Authorization"] == "Bearer token-0":
            await together.wait()  # all of them hold the same token when it is refused
            return web.json_response({}, status=401)
        return web.json_response({"items": [1]})

    async def run() -> list[Any]:
        async with TestServer(app_of(page, token=token)) as server, http_client(trust_env=False) as http:
            url, token_url = (str(server.make_url(path)) for path in ("/", "/token"))
            auth = {"kind": "client_credentials", "token_url": token_url, "client_id": "A", "client_secret": "B"}
            source = Source.model_validate({"url": url, "items": "items", "auth": auth, "pagination": CURSOR})
            clients = [SourceClient(source, http, environment={"A": "a", "B": "b"}) for _ in range(2)]
            await clients[0].get(source.base_request())
            both = (clients[0], clients[0], clients[1])  # one run with two requests at once, and another run
            async with asyncio.timeout(10):
                return await asyncio.gather(*(client.get(source.base_request()) for client in both))

    assert [page.items for page in asyncio.run(run())] == [[1]] * 3
    assert next(tokens) <= 3, "one new token for each run at most"
