"""Whatever goes wrong between the source and the app: all items come, once, or the reason is said."""

import asyncio
from typing import Any

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ingestion.errors import InvalidInput, SourceRefused, SourceUnreachable
from ingestion.source.client import SourceClient
from ingestion.source.description import Source
from local.demo.paging.library import library
from local.demo.paging.listing import Listing
from tests.sources.reader import Reading, reading

LISTING = Listing(total=25, page_size=10)
CURSOR = {"style": "cursor", "read": "next", "send": "cursor"}


def read(path: str, listing: Listing = LISTING, **description: Any) -> tuple[list[Any], Reading]:
    """All messages of one path of the library, and the run that read them."""

    async def run() -> tuple[list[Any], Reading]:
        async with reading(library(listing), path, {"pagination": CURSOR, **description}) as run:
            return await run.all(), run

    return asyncio.run(run())


@pytest.mark.parametrize("how", ["length", "chunked", "gzip"])
def test_a_body_that_is_cut_is_asked_for_again(how: str) -> None:
    assert read(f"/cut/{how}")[0] == LISTING.ids()


def test_lines_that_were_read_before_a_cut_are_not_taken_twice() -> None:
    many = Listing(total=3000)
    lines = {"format": "ndjson", "items": "", "pagination": {"style": "none"}}
    assert read("/cut/ndjson", many, **lines)[0] == many.ids()


def test_a_source_that_cuts_every_body_is_unreachable_and_says_so() -> None:
    with pytest.raises(SourceUnreachable, match=r"in 1 attempts; .* At last: .*(complete|closed)"):
        read("/cut/length", attempts=1, outage_seconds=0)


FORMS = ["seconds", "float", "date", "milliseconds", "epoch", "epoch-milliseconds", "delta", "iso", "forbidden",
         "secondary", "unavailable"]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_refusal_is_waited_out_and_takes_no_attempt(form: str) -> None:
    messages, run = read(f"/throttled/{form}?wait=100", attempts=1)
    assert messages == LISTING.ids()
    waits = [wait for wait in run.waits if wait]
    assert len(waits) == 6, "two refusals for each of three pages"
    assert all(98 < wait <= 101 for wait in waits), waits


def test_a_refusal_in_the_body_of_a_success_is_waited_out() -> None:
    said = {"path": "errors.extensions.code", "values": ["THROTTLED"], "wait_path": "errors.extensions.wait"}
    messages, run = read("/throttled/body?wait=100", throttle={"body": said})
    assert messages == LISTING.ids()
    assert [wait for wait in run.waits if wait] == [100.0] * 6


def test_items_beside_a_refusal_in_the_body_are_not_taken() -> None:
    answers = iter([({"items": ["a", "b"], "error": "SLOW"}), {"items": ["a", "b", "c"]}])

    async def page(request: web.Request) -> web.Response:
        return web.json_response(next(answers))

    async def run() -> list[Any]:
        app = web.Application()
        app.router.add_get("/", page)
        throttle = {"body": {"path": "error", "values": ["SLOW"]}, "penalty_seconds": 2}
        table = {"pagination": CURSOR, "message": "", "throttle": throttle}
        async with reading(app, "/", table) as going:
            return await going.all()

    assert asyncio.run(run()) == ["a", "b", "c"]


def test_a_page_for_people_is_refused_at_once() -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text=" <html>Please log in</html>", content_type="text/html")

    async def run() -> None:
        app = web.Application()
        app.router.add_get("/", page)
        async with reading(app, "/", {"pagination": CURSOR}) as going:
            await going.all()

    with pytest.raises(SourceRefused, match=r"no JSON but ' <html>Please log in"):
        asyncio.run(run())


def test_the_declared_penalty_is_the_wait_of_a_source_that_names_none() -> None:
    messages, run = read("/throttled/silent", throttle={"penalty_seconds": 30})
    assert messages == LISTING.ids()
    assert [wait for wait in run.waits if wait] == [30.0] * 6


def test_waiting_has_a_limit_of_its_own_that_counts_over_batches() -> None:
    with pytest.raises(SourceUnreachable, match=r"left alone for 200 seconds .* 150 of throttle.max_wait_seconds"):
        read("/throttled/seconds?wait=100", throttle={"max_wait_seconds": 150})
    assert read("/throttled/seconds?wait=100", throttle={"max_wait_seconds": 250})[0] == LISTING.ids()


def test_a_trickle_is_cut_off_with_what_to_do() -> None:
    with pytest.raises(SourceRefused, match=r"not complete after 0.3 seconds.*limits.response_seconds"):
        read("/trickle", limits={"response_seconds": 0.3})


@pytest.mark.parametrize("form", ["json", "gzip", "gzip-file", "ndjson", "csv"])
def test_one_gigantic_response_comes_whole_in_batches_of_bounded_size(form: str) -> None:
    many = Listing(total=30_000)
    style: dict[str, Any] = {"pagination": {"style": "none"}, "format": form.removeprefix("gzip-")}
    style |= {"format": "json", "items": "page.items"} if form in ("json", "gzip") else {"items": ""}
    if form == "gzip-file":
        style["format"] = "ndjson"

    async def run() -> tuple[list[Any], Reading]:
        sizes = {"chunk_size": 500, "max_messages": 4000}
        async with reading(library(many), f"/all/{form}", style, **sizes) as run:
            return await run.all(), run

    messages, run_of = asyncio.run(run())
    assert messages == many.ids()
    assert max(batch.count for batch in run_of.batches) <= 8500


def test_a_response_over_its_limit_is_refused_however_well_it_was_compressed() -> None:
    with pytest.raises(SourceRefused, match=r"larger than 100,000 bytes.*limits.response_bytes"):
        read("/all/gzip", Listing(total=30_000), items="page.items", limits={"response_bytes": 100_000})


def test_lines_without_a_length_are_refused_for_a_cut_could_not_be_seen() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"a"\n"b"\n')
        await writer.drain()
        writer.close()

    async def ask(**limits: Any) -> Any:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server, httpx.AsyncClient() as http:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            table = {"url": url, "pagination": {"style": "none"}, "items": "", "format": "ndjson", "limits": limits}
            source = Source.model_validate(table)
            return (await SourceClient(source, http).get(source.base_request())).items  # type: ignore[union-attr]

    with pytest.raises(SourceRefused, match=r"limits.unframed"):
        asyncio.run(ask())
    assert asyncio.run(ask(unframed=True)) == ["a", "b"]


AUTH: dict[str, dict[str, Any]] = {
    "bearer": {"kind": "bearer", "token": "KEY"},
    "header": {"kind": "api_key", "key": "KEY", "header": "X-Api-Key"},
    "query": {"kind": "api_key", "key": "KEY", "query": "api_key"},
    "basic": {"kind": "basic", "user": "USER", "password": "PASSWORD"},
    "oauth": {"kind": "client_credentials", "token_url": "", "client_id": "USER", "client_secret": "PASSWORD"},
}
SETTINGS = {"KEY": "k-123", "USER": "sluice", "PASSWORD": "open sesame"}


async def pages(kind: str, count: int, settings: dict[str, str] = SETTINGS, **changes: Any) -> int:
    """Ask for the same page `count` times with one client; gives the items that came."""
    async with TestServer(library(LISTING)) as server, httpx.AsyncClient(trust_env=False) as http:
        auth = {**AUTH[kind], **changes}
        if kind == "oauth":
            auth["token_url"] = str(server.make_url("/token"))
        table = {"url": str(server.make_url(f"/secured/{kind}")), "pagination": CURSOR, "items": "items", "auth": auth}
        source = Source.model_validate(table)
        client = SourceClient(source, http, environment=settings)
        got = [await client.get(source.base_request()) for _ in range(count)]
        return sum(page.count for page in got if hasattr(page, "count"))


@pytest.mark.parametrize("kind", AUTH)
def test_every_kind_of_credentials_opens_the_source(kind: str) -> None:
    assert asyncio.run(pages(kind, 1)) == 10


def test_id_and_secret_of_oauth_may_go_as_basic_authentication() -> None:
    assert asyncio.run(pages("oauth", 1, send="basic")) == 10


def test_a_token_that_is_refused_before_its_time_is_renewed() -> None:
    assert asyncio.run(pages("oauth", 5)) == 50


def test_wrong_credentials_are_refused_without_showing_them() -> None:
    with pytest.raises(SourceRefused, match=r"HTTP 401.*Check auth") as refused:
        asyncio.run(pages("bearer", 1, {"KEY": "very secret"}))
    assert "very secret" not in str(refused.value)
    with pytest.raises(SourceRefused, match=r"gave no token: HTTP 401, invalid_client.*USER and PASSWORD"):
        asyncio.run(pages("oauth", 1, {**SETTINGS, "PASSWORD": "very secret"}))


def test_a_setting_that_is_missing_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"auth.token: the app setting KEY is not set"):
        asyncio.run(pages("bearer", 1, {}))


def test_a_token_serves_many_requests() -> None:
    asked: list[str] = []

    async def token(request: web.Request) -> web.Response:
        asked.append("token")
        return web.json_response({"access_token": "t", "expires_in": "3600"})

    async def page(request: web.Request) -> web.Response:
        asked.append(request.headers["Authorization"])
        return web.json_response({"items": [1]})

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/token", token)
        app.router.add_get("/page", page)
        async with TestServer(app) as server, httpx.AsyncClient(trust_env=False) as http:
            auth = {**AUTH["oauth"], "token_url": str(server.make_url("/token"))}
            table = {"url": str(server.make_url("/page")), "pagination": CURSOR, "items": "items", "auth": auth}
            source = Source.model_validate(table)
            for _ in range(2):  # as in two batches of a run
                client = SourceClient(source, http, environment=SETTINGS)
                await asyncio.gather(*(client.get(source.base_request()) for _ in range(3)))

    asyncio.run(run())
    assert sorted(asked) == ["Bearer t"] * 6 + ["token"]


async def redirected(*, to_host: bool = True, hosts: bool = False, **table: Any) -> tuple[Any, httpx.Headers, str]:
    """Ask a source that redirects to another one; gives the outcome, and the headers and URL that the other one saw."""
    seen: list[tuple[httpx.Headers, str]] = []

    async def target(request: web.Request) -> web.Response:
        seen.append((httpx.Headers(list(request.headers.items())), str(request.url)))
        return web.json_response({"items": [1]})

    other = web.Application()
    other.router.add_route("*", "/there", target)
    async with TestServer(library(LISTING)) as server, TestServer(other) as elsewhere, httpx.AsyncClient() as http:
        to = str(elsewhere.make_url("/there?api_key=k-123")) if to_host else "/all/json"
        description = {
            "url": str(server.make_url("/redirect")), "pagination": {"style": "none"}, "items": "items",
            "query": {"to": to, "status": 307}, "hosts": [str(elsewhere.make_url("/"))] if hosts else [], **table,
        }  # fmt: skip
        source = Source.model_validate(description)
        outcome = await SourceClient(source, http, environment=SETTINGS).get(source.base_request())
        return outcome, *(seen[0] if seen else (httpx.Headers(), ""))


def test_a_redirect_within_the_source_is_followed() -> None:
    outcome, *_ = asyncio.run(redirected(to_host=False, items="page.items"))
    assert outcome.count == 25
    assert outcome.url.endswith("/all/json")


def test_a_redirect_to_another_host_is_an_error_that_names_it() -> None:
    with pytest.raises(SourceRefused, match=r"redirects to another host, http://127.0.0.1:\d+. .* add it to hosts"):
        asyncio.run(redirected())


@pytest.mark.parametrize("kind", ["bearer", "header", "query", "basic"])
def test_credentials_never_go_to_another_origin_even_if_it_is_allowed(kind: str) -> None:
    outcome, headers, url = asyncio.run(redirected(hosts=True, auth=AUTH[kind], headers={"X-Secret": "s"}))
    assert outcome.items == [1]
    assert not {"authorization", "x-api-key", "x-secret"} & {name.lower() for name in headers}
    assert kind != "query" or "k-123" not in url


@pytest.mark.parametrize("status", [302, 303, 308])
def test_a_redirect_that_would_lose_the_body_is_an_error(status: int) -> None:
    query = {"to": "http://127.0.0.1:9/" if status == 308 else "/elsewhere", "status": status}
    with pytest.raises(SourceRefused, match=r"redirect"):
        asyncio.run(redirected(method="POST", body={"a": 1}, query=query))


def test_redirects_have_an_end() -> None:
    with pytest.raises(SourceRefused, match=r"redirects more than 5 times"):
        read("/loop")
