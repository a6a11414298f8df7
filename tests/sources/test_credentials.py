"""What opens a source stays with that source: no other account, no error, no log and no ledger gets to see it."""

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
from yarl import URL

from ingestion.errors import SourceRefused, SourceUnreachable
from ingestion.source.client import SourceClient
from ingestion.source.description import load_source
from local.demo.paging.library import library
from local.demo.paging.listing import Listing
from tests.sources.one_page import CURSOR, Handler, app_of, ask, served, source_at
from tests.sources.reader import read, reading

OAUTH = {"kind": "client_credentials", "client_id": "ID", "client_secret": "SECRET"}
AUTH: dict[str, dict[str, Any]] = {
    "bearer": {"kind": "bearer", "token": "KEY"},
    "header": {"kind": "api_key", "key": "KEY", "header": "X-Api-Key"},
    "query": {"kind": "api_key", "key": "KEY", "query": "api_key"},
    "basic": {"kind": "basic", "user": "ID", "password": "SECRET"},
    "oauth": OAUTH,
}
SETTINGS = {"KEY": "k-123", "ID": "sluice", "SECRET": "open sesame"}


def opened(kind: str, settings: dict[str, str] = SETTINGS, **changes: Any) -> list[Any]:
    """All items of a source that opens for these credentials."""
    table = {"pagination": CURSOR, "auth": AUTH[kind] | changes}
    return read(library(Listing(total=25, page_size=10)), f"/secured/{kind}", table, settings=settings)[0]


@pytest.mark.parametrize(("kind", "changes"), [*((kind, {}) for kind in AUTH), ("oauth", {"send": "basic"})])
def test_every_kind_of_credentials_opens_the_source(kind: str, changes: dict[str, Any]) -> None:
    assert len(opened(kind, **changes)) == 25


def test_a_client_that_gets_no_token_is_refused_by_the_names_of_its_settings() -> None:
    with pytest.raises(SourceRefused, match=r"gave no token: HTTP 401, invalid_client.*ID and SECRET"):
        opened("oauth", {**SETTINGS, "SECRET": "very secret"})


def test_a_token_serves_many_requests() -> None:
    asked: list[str] = []

    async def token(request: web.Request) -> web.Response:
        asked.append("token")
        return web.json_response({"access_token": "t", "expires_in": "3600"})

    async def page(request: web.Request) -> web.Response:
        asked.append(request.headers["Authorization"])
        return web.json_response({"items": [1]})

    async def run() -> None:
        async with served(app_of(page, token=token), settings=SETTINGS, auth=OAUTH) as (source, http):
            for _ in range(2):  # as in two batches of a run
                client = SourceClient(source, http)
                await asyncio.gather(*(client.get(source.base_request()) for _ in range(3)))

    asyncio.run(run())
    assert sorted(asked) == ["Bearer t"] * 6 + ["token"]


def test_of_an_answer_that_refuses_a_token_nothing_is_read() -> None:
    tokens = itertools.count()

    async def token(request: web.Request) -> web.Response:
        return web.json_response({"access_token": f"token-{next(tokens)}"})

    async def page(request: web.Request) -> web.StreamResponse:
        if request.headers["Authorization"] != "Bearer token-0":
            return web.json_response({"items": [1]})
        answer = web.StreamResponse(status=401)
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:  # without end
                await answer.write(bytes(100_000))
        return answer

    async def run() -> Any:
        async with served(app_of(page, token=token), settings=SETTINGS, auth=OAUTH, limits={"response_seconds": 5}) as (
            source,
            http,
        ):
            return await SourceClient(source, http).get(source.base_request())

    assert asyncio.run(run()).items == [1]


def test_a_cookie_of_one_account_is_not_sent_with_the_token_of_another() -> None:
    sent: list[str | None] = []

    async def page(request: web.Request) -> web.Response:
        sent.append(request.headers.get("Cookie"))
        answer = web.json_response({"items": [1]})
        answer.set_cookie("session", request.headers["Authorization"])
        return answer

    async def run() -> None:
        async with served(app_of(page), settings=SETTINGS, auth=AUTH["bearer"]) as (source, http):
            for token in ("first", "second"):
                other = source_at(URL(source.url), {"KEY": token}, pagination=CURSOR, auth=AUTH["bearer"])
                await SourceClient(other, http).get(source.base_request())

    asyncio.run(run())
    assert sent == [None, None]


async def nobody(request: web.Request) -> web.Response:
    raise AssertionError("this must not be asked")


def refusal(page: Handler, settings: dict[str, str], *, end: Any = None, token: Handler = nobody, **table: Any) -> str:
    """What the run of a source that `page` serves ends with; it shows no part of a credential."""
    description = {"pagination": {**CURSOR, "end": end or {}}, **table}
    with pytest.raises(SourceRefused) as refused:
        read(app_of(page, token=token), "/", description, settings=settings)
    said = str(refused.value)
    shown = [said, *(base64.b64decode(part + "==") for part in re.findall(r"[A-Za-z0-9+/]{12,}", said))]
    assert not any(secret in str(text) for secret in ("s3", "cr3t", "t0ken") for text in shown), said
    return said


async def welcome(request: web.Request) -> web.Response:
    return web.json_response({"items": [request.headers.get("Authorization")]})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("s3cr3t\n", "white space"), (" s3cr3t", "white space"), ("s3cr3t\r\n", "white space"), ("\t", "white space"),
        ("s3\x00cr3t", "control character"), ("s3\ncr3t", "control character"), ("s3cr\u00e9t", "not ASCII"),
        ("", "is not set"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("auth", [{"kind": "bearer", "token": "KEY"}, {"kind": "api_key", "key": "KEY", "query": "k"}])
def test_a_credential_that_cannot_be_right_is_refused_by_the_name_of_its_setting(
    auth: dict[str, Any], value: str, said: str
) -> None:
    with pytest.raises(ValidationError, match=rf"auth\.\w+\.(token|key)\s+the app setting KEY .*{said}") as refused:
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
        async with served(app_of(page, token=token), settings=SETTINGS, auth=OAUTH) as (source, http):
            clients = [SourceClient(source, http) for _ in range(2)]
            await clients[0].get(source.base_request())
            both = (clients[0], clients[0], clients[1])  # one run with two requests at once, and another run
            async with asyncio.timeout(10):
                return await asyncio.gather(*(client.get(source.base_request()) for client in both))

    assert [page.items for page in asyncio.run(run())] == [[1]] * 3
    assert next(tokens) <= 3, "one new token for each run at most"


SECRET = 's3/cr"t+ value'
ECHOED: list[tuple[dict[str, Any], str]] = [
    (AUTH["bearer"], "Authorization"),
    ({**AUTH["header"], "prefix": "Token "}, "X-Api-Key"),
    ({"kind": "basic", "user": "USER", "password": "KEY"}, "Authorization"),
]


@pytest.mark.parametrize(
    "table", [{}, {"expiry": {"statuses": [400], "then": "restart"}}, {"end": {"statuses": [400]}}]
)
@pytest.mark.parametrize(("auth", "header"), ECHOED)
def test_credentials_that_a_refusal_repeats_are_not_shown(
    auth: dict[str, Any], header: str, table: dict[str, Any]
) -> None:
    async def page(request: web.Request) -> web.Response:
        return web.json_response({"error": f"not {request.headers[header]}"}, status=400)

    said = refusal(page, {"KEY": SECRET, "USER": "someone"}, auth=auth, **table)
    assert re.search(r"not .*\*\*\*", said), said
    assert "HTTP 400" in said


@pytest.mark.parametrize("form", [str, quote, quote_plus, lambda text: json.dumps(text)[1:-1]])
def test_a_key_is_concealed_in_each_form_in_which_a_source_repeats_it(form: Callable[[str], str]) -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text=f"no: {form(request.query['key'])}", status=403)

    auth = {"kind": "api_key", "key": "KEY", "query": "key"}
    assert "'no: ***'" in refusal(page, {"KEY": SECRET}, auth=auth)


def test_a_token_is_concealed_as_long_as_an_answer_may_repeat_it() -> None:
    async def token(request: web.Request) -> web.Response:
        return web.json_response({"access_token": "t0ken", "expires_in": 3600})

    async def page(request: web.Request) -> web.Response:
        return web.json_response({"error": request.headers["Authorization"]}, status=401)

    assert "Bearer ***" in refusal(page, SETTINGS, token=token, auth=OAUTH)


def test_an_app_setting_in_a_header_is_concealed(tmp_path: Path) -> None:
    async def page(request: web.Request) -> web.Response:
        said = f"tenant {request.headers['X-Tenant']} in {request.query['in']}"
        return web.json_response({"error": said}, status=403)

    async def run() -> None:
        async with served(app_of(page)) as (plain, http):
            file = tmp_path / "sources.toml"
            file.write_text(
                f"""[shop]\nurl = "{plain.url}"\nitems = "items"\npagination = {{ style = "none" }}\n"""
                """headers = { X-Tenant = "%TENANT%" }\nquery = { in = "home" }\n"""
            )
            source = load_source(file, "shop", {"TENANT": "t3n4nt"})
            await SourceClient(source, http).get(source.base_request())

    with pytest.raises(SourceRefused, match=r"tenant \*\*\* in home"):
        asyncio.run(run())


def test_what_a_style_says_of_a_page_conceals_credentials_too() -> None:
    async def page(request: web.Request) -> web.Response:
        return web.json_response({"items": [], "more": request.headers["X-Key"]})

    auth = {"kind": "api_key", "key": "KEY", "header": "X-Key"}
    assert "'***'" in refusal(page, {"KEY": "s3cr3t"}, auth=auth, end={"more": "more"})


@pytest.mark.parametrize("before", [125, 135, 170, 198])
def test_of_a_credential_at_the_place_where_a_reason_is_cut_nothing_is_left(before: int) -> None:
    async def page(request: web.Request) -> web.Response:
        return web.json_response({"items": [], "error": "." * before + request.headers["X-Key"]})

    async def run() -> list[str]:
        auth = {"kind": "api_key", "key": "KEY", "header": "X-Key"}
        table = {"pagination": CURSOR, "auth": auth, "error": "error", "attempts": 1, "outage_seconds": 20}
        async with reading(app_of(page), "/", table, settings={"KEY": "0123456789" * 4}) as going:
            with pytest.raises(SourceUnreachable) as ended:
                await going.all()
            waits = [batch.wait for batch in going.batches if batch.wait is not None]
            return [str(ended.value), *(wait.reason for wait in waits)]

    shown = asyncio.run(run())
    assert len(shown) > 1
    assert not any("0123" in text for text in shown), shown


@pytest.mark.parametrize("pagination", [{"style": "next_url", "read": "next"}, {"style": "link_header"}])
def test_a_key_that_next_links_repeat_is_sent_again_and_stored_nowhere(pagination: dict[str, Any]) -> None:
    asked: list[tuple[str, str]] = []

    async def page(request: web.Request) -> web.Response:
        asked.append((request.query["api key"], request.query["q"]))
        number = int(request.query.get("page", 1))
        link = str(request.url.update_query({"page": number + 1}))
        headers = {"Link": f'<{link}>; rel="next"'} if number < 4 else {}
        return web.json_response({"items": [{"id": number}], "next": link if number < 4 else None}, headers=headers)

    auth = {"kind": "api_key", "key": "KEY", "query": "api key"}
    table = {"pagination": pagination, "auth": auth, "query": {"q": "a/b c"}}
    messages, going = read(app_of(page), "/", table, settings={"KEY": "s3cr3t"}, max_messages=1)
    assert messages == [1, 2, 3, 4]
    assert asked == [("s3cr3t", "a/b c")] * 4
    assert not any("s3cr3t" in str(batch) for batch in going.batches)
    assert not any(b"s3cr3t" in blob.data for blob in going.container.blobs.values())
