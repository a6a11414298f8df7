"""`sluice plan --url`: each printed table is read by the app, and brings what the API has, once and in order."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ingestion.source.description import load_source
from ingestion.source.http.exchange import http_client
from local.demo.paging.listing import Listing
from terminal.ending import Code, Trouble
from terminal.unknown_api import Found, describe, described
from tests.sources.apis import every_api
from tests.sources.reader import Reading

LISTING = Listing(total=25, page_size=10)
IDS = [f"order-{number}" for number in range(25)]
Say = Callable[[web.Request], Any]


def part(start: int, size: int = 10) -> list[dict[str, Any]]:
    return [{"id": name, "title": "a title"} for name in IDS[start : start + size]]


def by(name: str, first: int = 0, factor: int = 1) -> Callable[[web.Request], int]:
    """How many items come before the page that a request asks for."""
    return lambda request: (int(request.query.get(name, first)) - first) * factor


def django(request: web.Request) -> Any:
    at = by("page", 1, 10)(request)
    following = str(request.url.update_query(page=at // 10 + 2)) if at + 10 < 25 else None
    return {"count": 25, "next": following, "previous": None, "results": part(at)}


def salesforce(request: web.Request) -> Any:
    at = by("from")(request)
    more = {"nextRecordsUrl": f"/?from={at + 10}"} if at + 10 < 25 else {}
    return {"totalSize": 25, "done": at + 10 >= 25, "records": part(at), **more}


def google(request: web.Request) -> Any:
    at = by("pageToken")(request)
    return {"kind": "list", "items": part(at), **({"nextPageToken": str(at + 10)} if at + 10 < 25 else {})}


def hubspot(request: web.Request) -> Any:
    at = by("after")(request)
    return {"results": part(at), **({"paging": {"next": {"after": str(at + 10)}}} if at + 10 < 25 else {})}


def json_api(request: web.Request) -> Any:
    at = by("page[number]", 1, 10)(request)
    here = {"first": "/?page[number]=1", "prev": None}
    following = f"/?page[number]={at // 10 + 2}" if at + 10 < 25 else None
    return {"data": part(at), "links": {**here, "next": following}, "meta": {"total": 25}}


def laravel(request: web.Request) -> Any:
    at = by("page", 1, 10)(request)
    meta = {"current_page": at // 10 + 1, "last_page": 3, "per_page": 10, "total": 25}
    return {"data": part(at), "meta": meta}


def spring(request: web.Request) -> Any:
    at = by("page", 0, 10)(request)
    return {"content": part(at), "number": at // 10, "totalPages": 3, "totalElements": 25, "last": at + 10 >= 25}


def jira(request: web.Request) -> Any:
    at = by("startAt")(request)
    return {"startAt": at, "maxResults": 10, "total": 25, "issues": part(at)}


def bare(request: web.Request) -> Any:
    return part(by("page", 1, 10)(request))


def bare_from_zero(request: web.Request) -> Any:
    return part(by("page", 0, 10)(request))


def bare_offsets(request: web.Request) -> Any:
    return {"items": part(by("offset")(request)), "total_count": 25}


def slack(request: web.Request) -> Any:
    at = by("cursor")(request)
    return {"ok": True, "members": part(at), "response_metadata": {"next_cursor": str(at + 10) if at + 10 < 25 else ""}}


def relay(request: web.Request) -> Any:
    at = by("after")(request)
    info = {"hasNextPage": at + 10 < 25, "endCursor": str(at + 10)}
    return {"data": {"orders": {"edges": [{"node": item} for item in part(at)], "pageInfo": info}}}


def next_page(request: web.Request) -> Any:
    at = by("page", 1, 10)(request)
    return {"orders": part(at), "next_page": at // 10 + 2 if at + 10 < 25 else None}


def x_next_page(request: web.Request) -> Any:
    at = by("page", 1, 10)(request)
    return web.json_response(part(at), headers={"X-Next-Page": str(at // 10 + 2) if at + 10 < 25 else ""})


def elsewhere(request: web.Request) -> Any:
    at = by("cursor")(request)
    return {"included": [{"x": 1}] * 30, "data": part(at), "next": str(at + 10) if at + 10 < 25 else None}


def comma_separated(request: web.Request) -> Any:
    rows = "".join(f'{name},"a ""title"",\nin two lines"\r\n' for name in IDS)
    return web.Response(text=f"id,title\r\n{rows}", content_type="text/csv")


OWN: list[Say] = [
    django, salesforce, google, hubspot, json_api, laravel, spring, jira, bare, bare_from_zero, bare_offsets, slack,
    relay, next_page, x_next_page, elsewhere, comma_separated,
]  # fmt: skip
STYLES = {
    "django": "next_url", "salesforce": "next_url", "google": "cursor", "hubspot": "cursor", "json_api": "next_url",
    "laravel": "page_number", "spring": "page_number", "jira": "offset", "bare": "page_number",
    "bare_from_zero": "page_number",
    "bare_offsets": "offset", "slack": "cursor", "relay": "cursor", "next_page": "cursor", "x_next_page": "cursor",
    "elsewhere": "cursor", "comma_separated": "none",
}  # fmt: skip
OF_THE_DEMO = {
    "/link-header": "link_header",
    "/next-url/absolute": "next_url",
    "/next-url/path": "next_url",
    "/next-url/relative": "next_url",
    "/cursor": "cursor",
    "/cursor-header": "cursor",
    "/cursor-mark": "cursor",
    "/continue": "cursor",
    "/page-number": "page_number",
    "/offset": "offset",
    "/keyset": "keyset",
    "/single": "none",
    "/all/ndjson": "none",
}


def app_of(say: Say) -> web.Application:
    async def respond(request: web.Request) -> web.StreamResponse:
        answer = say(request)
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)

    app = web.Application()
    app.router.add_get("/{name:.*}", respond)
    return app


async def described_and_read(
    app: web.Application, path: str, folder: Path, **given: Any
) -> tuple[Found, dict[str, Any], list[Any]]:
    """The table of an API, as it was found and as the file has it, and all that a run reads with it."""
    async with TestServer(app) as server:
        found = await describe(str(server.make_url(path)), **given)
        file = folder / "sources.toml"
        file.write_text(found.text)
        source = load_source(file, found.name, found.settings)
        async with http_client(trust_env=False) as http:
            messages = await Reading(source, http).all()
    return found, source.model_dump(), messages


@pytest.mark.parametrize("say", OWN, ids=lambda say: say.__name__)
def test_the_table_for_an_api_brings_each_id_once(say: Say, tmp_path: Path) -> None:
    found, source, messages = asyncio.run(described_and_read(app_of(say), "/", tmp_path))
    assert source["pagination"]["style"] == STYLES[say.__name__], found.text
    assert messages == IDS, found.text


@pytest.mark.parametrize("path", OF_THE_DEMO)
def test_the_table_for_a_way_of_paging_of_the_demo_brings_each_id_once(path: str, tmp_path: Path) -> None:
    found, source, messages = asyncio.run(described_and_read(every_api(LISTING), path, tmp_path))
    assert source["pagination"]["style"] == OF_THE_DEMO[path], found.text
    assert messages == LISTING.ids(), found.text


@pytest.mark.parametrize("say", [django, google, laravel, jira, slack, bare_offsets], ids=lambda say: say.__name__)
def test_what_was_guessed_and_what_was_not_found_out_is_said_beside_it(say: Say, tmp_path: Path) -> None:
    found, _, _ = asyncio.run(described_and_read(app_of(say), "/", tmp_path))
    lines = found.text.splitlines()
    for key in ("items", "message", "pagination"):
        at = next(number for number, line in enumerate(lines) if line.startswith(f"{key} = "))
        assert lines[at - 1].startswith(f"# {key}: ")
    assert any(line.startswith("# unknown: ") for line in lines)


def test_an_api_that_says_that_there_is_more_and_leads_nowhere_gets_no_table() -> None:
    async def ask() -> Found:
        async with TestServer(app_of(lambda request: {"total": 25, "items": part(0)})) as server:
            return await describe(str(server.make_url("/orders")))

    with pytest.raises(Trouble, match="found no way to the next page") as trouble:
        asyncio.run(ask())
    assert len(str(trouble.value)) < 800
    assert trouble.value.code is Code.FAILED


@pytest.mark.parametrize(
    ("say", "code", "words"),
    [
        (lambda request: web.Response(status=401, text="no"), Code.NOT_ALLOWED, "HTTP 401.* Give the API's key"),
        (lambda request: web.Response(status=400, text="page"), Code.FAILED, "HTTP 400.* Check the URL"),
        (lambda request: web.Response(status=429, headers={"Retry-After": "0"}), Code.FAILED, "HTTP 429.* try again"),
        (lambda request: {"a": 1, "b": "c"}, Code.FAILED, "no list of items; it has a, b: give the URL of a list"),
        (lambda request: {"items": []}, Code.FAILED, "no items: items is empty: ask without the filter"),
        (lambda request: [], Code.FAILED, "no items: ask without the filter"),
        (lambda request: web.Response(text="<html>"), Code.FAILED, "is not JSON, NDJSON or CSV"),
        (lambda request: web.Response(status=302, headers={"Location": "/b"}), Code.FAILED, "redirects to another URL"),
    ],
)
def test_an_answer_that_is_not_a_page_gives_a_one_line_error(say: Say, code: Code, words: str) -> None:
    async def ask() -> Found:
        async with TestServer(app_of(say)) as server:
            return await describe(str(server.make_url("/orders")))

    with pytest.raises(Trouble, match=words) as trouble:
        asyncio.run(ask())
    assert trouble.value.code is code


def test_an_api_that_asks_to_wait_before_its_first_answer_is_asked_again(tmp_path: Path) -> None:
    answers = [web.Response(status=429, headers={"Retry-After": "0"})]
    app = app_of(lambda request: answers.pop() if answers else json_api(request))
    assert asyncio.run(described_and_read(app, "/", tmp_path))[2] == IDS


def test_an_address_without_a_scheme_says_what_sluice_took() -> None:
    with pytest.raises(Trouble, match="sluice took https://, so write http://"):
        asyncio.run(describe("127.0.0.1:1/orders"))


def test_an_address_without_a_listener_is_unreachable() -> None:
    with pytest.raises(Trouble) as trouble:
        asyncio.run(describe("http://127.0.0.1:1/orders"))
    assert trouble.value.code is Code.UNREACHABLE


SECRETS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"headers": [("Authorization", "Bearer s3cret")]}, {"kind": "bearer", "token": "ORDERS_TOKEN"}),
    ({"headers": [("X-Api-Key", "s3cret")]}, {"kind": "api_key", "key": "ORDERS_KEY", "header": "X-Api-Key"}),
    (
        {"headers": [("Authorization", "Token s3cret")]},
        {"kind": "api_key", "key": "ORDERS_KEY", "header": "Authorization", "prefix": "Token "},
    ),
    ({"parameters": [("api_key", "s3cret")]}, {"kind": "api_key", "key": "ORDERS_KEY", "query": "api_key"}),
    (
        {"headers": [("Authorization", "Basic bWU6czNjcmV0")]},
        {"kind": "basic", "user": "ORDERS_USER", "password": "ORDERS_PASSWORD"},
    ),
]


@pytest.mark.parametrize(("given", "auth"), SECRETS)
def test_a_credential_is_sent_and_never_printed(given: dict[str, Any], auth: dict[str, Any], tmp_path: Path) -> None:
    asked = []

    def say(request: web.Request) -> Any:
        asked.append(f"{request.query_string} {json.dumps(dict(request.headers))}")
        return google(request)

    found, _, messages = asyncio.run(described_and_read(app_of(say), "/orders", tmp_path, **given))
    assert messages == IDS
    assert all("s3cret" in each or "bWU6czNjcmV0" in each for each in asked)
    assert "s3cret" not in found.text
    assert all(f'{key} = "{value}"' in found.text for key, value in auth.items())
    assert "s3cret" in found.settings.values()


def test_a_second_credential_is_named_too() -> None:
    asked = described(
        "https://me:pass@api.shop.example/v1/orders?token=abc&size=50&tag=a&tag=b%2520",
        [("X-Api-Key", "k"), ("Accept", "application/json")],
        [("q", "100%")],
    )
    assert asked.name == "orders"
    assert asked.table == {
        "url": "https://api.shop.example/v1/orders",
        "headers": {"X-Api-Key": "%ORDERS_X_API_KEY%", "Accept": "application/json"},
        "query": {"token": "%ORDERS_TOKEN%", "size": "50", "tag": ["a", "b%%20"], "q": "100%%"},
        "auth": {"kind": "basic", "user": "ORDERS_USER", "password": "ORDERS_PASSWORD"},
    }


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.shop.example/v2/orders", "orders"),
        ("https://api.shop.example/v2/", "shop"),
        ("https://shop.example/orders/2024", "orders"),
        ("https://127.0.0.1/", "source"),
        ("api.shop.example/Order-Lines", "order-lines"),
    ],
)
def test_a_source_is_named_after_its_address(url: str, name: str) -> None:
    assert described(url, (), ()).name == name


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        *((name, True) for name in ("key", "api_key", "apikey", "X-Api-Key", "access_token", "X-Shopify-Access-Token")),
        *((name, True) for name in ("PRIVATE-TOKEN", "Ocp-Apim-Subscription-Key", "client_secret", "Cookie", "sig")),
        *((name, False) for name in ("sort_key", "page_token", "keyword", "tokens", "Accept", "next_token", "design")),
    ],
)
def test_a_name_that_looks_like_a_credential_is_kept_out_of_the_table(name: str, is_secret: bool) -> None:
    table = described("https://api.shop.example/orders", (), [(name, "s3cret")]).table
    assert ("s3cret" not in json.dumps(table)) == is_secret
