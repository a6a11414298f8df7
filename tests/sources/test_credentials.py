"""Credentials go to their source only: no other host, error, log or ledger gets them."""

import asyncio
import base64
import contextlib
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from aiohttp import web
from pydantic import ValidationError

from ingestion.errors import SourceRefused
from ingestion.source.client import SourceClient
from ingestion.source.description import load_source
from tests.sources.fake_api import AUTH, OAUTH, SETTINGS, FakeApi, ask, said, served, source_at
from tests.sources.reader import read, refusal

HEADER = AUTH["header"]


def greeting(request: web.Request) -> Any:
    return {"items": [request.headers.get("Authorization")]}


SENT = {  # Authorization, X-Api-Key, api_key
    "bearer": ["Bearer k-123", None, None],
    "header": [None, "k-123", None],
    "query": [None, None, "k-123"],
    "basic": ["Basic c2x1aWNlOm9wZW4gc2VzYW1l", None, None],
    "oauth": ["Bearer t-1", None, None],
}


async def token(request: web.Request) -> Any:
    """Issue a token to a client with the id and the secret."""
    form = await request.post()
    in_form = (form.get("client_id"), form.get("client_secret")) == ("sluice", "open sesame")
    is_known = in_form or request.headers.get("Authorization") == SENT["basic"][0]
    if form.get("grant_type") != "client_credentials" or not is_known:
        return said(401, {"error": "invalid_client"})
    return {"access_token": "t-1", "expires_in": 3600}


def two_pages(request: web.Request) -> Any:
    sent = [request.headers.get("Authorization"), request.headers.get("X-Api-Key"), request.query.get("api_key")]
    page = request.query.get("cursor", "1")
    return {"items": [[*sent, page]], "next": "2" if page == "1" else None}


@pytest.mark.parametrize(("kind", "changes"), [*((kind, {}) for kind in AUTH), ("oauth", {"send": "basic"})])
def test_every_kind_of_credentials_goes_with_each_request(kind: str, changes: dict[str, Any]) -> None:
    api = FakeApi(two_pages, token=token)
    assert read(api, {"auth": AUTH[kind] | changes, "message": ""})[0] == [[*SENT[kind], page] for page in "12"]


def test_a_client_that_gets_no_token_is_refused_by_the_names_of_its_settings() -> None:
    api, problem = FakeApi(two_pages, token=token), "gave no token: HTTP 401, invalid_client.*ID and SECRET"
    refusal(api, {"auth": OAUTH}, problem, settings={**SETTINGS, "SECRET": "very secret"})


def test_a_token_serves_many_requests() -> None:
    tokens = itertools.count()
    api = FakeApi(greeting, token=lambda _: {"access_token": f"t{next(tokens)}", "expires_in": "3600"})

    async def run() -> list[Any]:
        async with served(api, auth=OAUTH) as (source, http):
            clients = [SourceClient(source, http) for _ in range(2)]  # as in two batches of a run
            return [
                page
                for client in clients
                for page in await asyncio.gather(*(client.get(source.base_request()) for _ in range(3)))
            ]

    assert [page.items for page in asyncio.run(run())] == [["Bearer t0"]] * 6


def test_of_an_answer_that_refuses_a_token_nothing_is_read() -> None:
    tokens = itertools.count()

    async def page(request: web.Request) -> Any:
        if request.headers["Authorization"] != "Bearer token-0":
            return {"items": [1]}
        answer = web.StreamResponse(status=401)
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:  # without end
                await answer.write(bytes(100_000))
        return answer

    api = FakeApi(page, token=lambda _: {"access_token": f"token-{next(tokens)}"})
    assert asyncio.run(ask(api, auth=OAUTH, limits={"response_seconds": 5})).items == [1]


def test_a_token_that_dies_under_parallel_requests_is_renewed_for_all_of_them() -> None:
    tokens, together, asked = itertools.count(), asyncio.Barrier(3), itertools.count()

    async def page(request: web.Request) -> Any:
        if next(asked) > 0 and request.headers["Authorization"] == "Bearer token-0":
            await together.wait()  # all of them hold the same token when it is refused
            return 401
        return {"items": [1]}

    async def run() -> list[Any]:
        api = FakeApi(page, token=lambda _: {"access_token": f"token-{next(tokens)}", "expires_in": 3600})
        async with served(api, auth=OAUTH) as (source, http):
            clients = [SourceClient(source, http) for _ in range(2)]
            await clients[0].get(source.base_request())
            both = (clients[0], clients[0], clients[1])  # one run with two requests at once, and another run
            async with asyncio.timeout(10):
                return await asyncio.gather(*(client.get(source.base_request()) for client in both))

    assert [page.items for page in asyncio.run(run())] == [[1]] * 3
    assert next(tokens) <= 3, "one new token for each run at most"


def test_a_cookie_of_one_account_is_not_sent_with_the_token_of_another() -> None:
    def page(request: web.Request) -> Any:
        return said(200, {"items": [1]}, Set_Cookie=f"session={request.headers['Authorization'][-1]}")

    api = FakeApi(page)

    async def run() -> None:
        async with served(api, auth=AUTH["bearer"]) as (source, http):
            for token in ("first", "second"):
                account = source_at(source.url, {"KEY": token}, auth=AUTH["bearer"])
                await SourceClient(account, http).get(account.base_request())

    asyncio.run(run())
    assert [request.headers.get("Cookie") for request in api.asked] == [None, None]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("s3cr3t\n", "white space"), (" s3cr3t", "white space"), ("s3cr3t\r\n", "white space"), ("\t", "white space"),
        ("s3\x00cr3t", "control character"), ("s3\ncr3t", "control character"), ("s3cr\u00e9t", "not ASCII"),
        ("", "is not set"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["bearer", "query"])
def test_a_credential_that_cannot_be_right_is_refused_by_the_name_of_its_setting(
    kind: str, value: str, problem: str
) -> None:
    with pytest.raises(ValidationError, match=rf"auth\.\w+\.(token|key)\s+the app setting KEY .*{problem}") as refused:
        source_at("http://shop.example/", {"KEY": value}, auth=AUTH[kind])
    assert "s3" not in str(refused.value)


def test_a_password_may_have_letters_beyond_ascii_since_it_is_encoded() -> None:
    page = asyncio.run(ask(FakeApi(greeting), {"ID": "m\u00fcller", "SECRET": "gr\u00fcn"}, auth=AUTH["basic"]))
    assert page.items == ["Basic bcO8bGxlcjpncsO8bg=="]


SECRET = 's3/cr"t+ value'


def concealed(answer: Callable[[web.Request], Any], **table: Any) -> str:
    """Return the error of a run, after a check that it shows no part of a credential."""
    message, _ = refusal(FakeApi(answer), table, settings={"KEY": SECRET, "ID": "someone", "SECRET": SECRET})
    decoded = [base64.b64decode(part + "==") for part in re.findall(r"[A-Za-z0-9+/]{12,}", message)]
    assert not any(secret in str(text) for secret in ("s3", "cr3t", "t0ken") for text in (message, *decoded)), message
    return message


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"expiry": {"statuses": [400], "then": "restart"}},
        {"pagination": {"style": "cursor", "end": {"statuses": [400]}}},
    ],
)
@pytest.mark.parametrize("kind", ["bearer", "header", "basic"])
def test_credentials_that_a_refusal_repeats_are_not_shown(kind: str, table: dict[str, Any]) -> None:
    def page(request: web.Request) -> Any:
        return said(400, {"error": f"not {request.headers.get('X-Api-Key') or request.headers['Authorization']}"})

    auth = AUTH[kind] | ({"prefix": "Token "} if kind == "header" else {})
    message = concealed(page, auth=auth, **table)
    assert re.search(r"HTTP 400.*not .*\*\*\*", message), message


@pytest.mark.parametrize("form", [str, quote, quote_plus, lambda text: json.dumps(text)[1:-1]])
def test_a_key_is_concealed_in_each_form_in_which_a_source_repeats_it(form: Callable[[str], str]) -> None:
    def page(request: web.Request) -> web.Response:
        return web.Response(text=f"no: {form(request.query['api_key'])}", status=403)

    assert "'no: ***'" in concealed(page, auth=AUTH["query"])


def test_a_token_is_concealed_as_long_as_an_answer_may_repeat_it() -> None:
    assert "Bearer ***" in concealed(lambda request: said(401, request.headers["Authorization"]), auth=OAUTH)


def test_what_a_style_says_of_a_page_conceals_credentials_too() -> None:
    pagination = {"style": "page_number", "end": {"more": "more"}}
    assert "'***'" in concealed(
        lambda request: {"items": [], "more": request.headers["X-Api-Key"]}, auth=HEADER, pagination=pagination
    )


def test_an_app_setting_in_a_header_is_concealed(tmp_path: Path) -> None:
    def page(request: web.Request) -> Any:
        return said(403, f"tenant {request.headers['X-Tenant']} in {request.query['in']}")

    async def run() -> None:
        async with served(FakeApi(page)) as (plain, http):
            file = tmp_path / "sources.toml"
            file.write_text(
                f"""[shop]\nurl = "{plain.url}"\nitems = "items"\npagination = {{ style = "none" }}\n"""
                """headers = { X-Tenant = "%TENANT%" }\nquery = { in = "home" }\n"""
            )
            source = load_source(file, "shop", {"TENANT": "t3n4nt"})
            await SourceClient(source, http).get(source.base_request())

    with pytest.raises(SourceRefused, match=r"tenant \*\*\* in home"):
        asyncio.run(run())


@pytest.mark.parametrize("before", [125, 135, 170, 198])
def test_of_a_credential_at_the_place_where_a_reason_is_cut_nothing_is_left(before: int) -> None:
    api = FakeApi(lambda request: {"items": [], "error": "." * before + request.headers["X-Api-Key"]})
    table = {"auth": HEADER, "error": "error", "attempts": 1, "outage_seconds": 20}
    message, run = refusal(api, table, settings={"KEY": "qxjzkvwypd" * 4})
    reasons = [batch.wait.reason for batch in run.batches if batch.wait is not None]
    assert reasons
    assert not any("qxjz" in text for text in (message, *reasons))


@pytest.mark.parametrize("style", ["next_url", "link_header"])
def test_a_key_that_next_links_repeat_is_sent_again_and_stored_nowhere(style: str) -> None:
    def page(request: web.Request) -> Any:
        number = int(request.query.get("page", 1))
        link = str(request.url.update_query({"page": number + 1})) if number < 4 else ""
        return said(200, {"items": [{"id": number}], "next": link}, Link=f'<{link}>; rel="next"')

    api = FakeApi(page)
    table = {"pagination": {"style": style}, "auth": {**AUTH["query"], "query": "api key"}, "query": {"q": "a/b c"}}
    messages, run = read(api, table, settings={"KEY": "s3cr3t"}, max_messages=1)
    assert messages == [1, 2, 3, 4]
    assert [(request.query["api key"], request.query["q"]) for request in api.asked] == [("s3cr3t", "a/b c")] * 4
    assert not any("s3cr3t" in str(batch) for batch in run.batches)
    assert not any(b"s3cr3t" in blob.data for blob in run.container.blobs.values())
