"""Whatever goes wrong between the source and the app: all items come, once, or the reason is said."""

import asyncio
from typing import Any

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ingestion.errors import SourceRefused, SourceUnreachable
from ingestion.source.client import SourceClient
from ingestion.source.description import Source
from ingestion.source.page import Throttled
from local.demo.paging.library import library
from local.demo.paging.listing import Listing
from tests.sources.one_page import app_of, ask, served
from tests.sources.reader import Reading, read
from tests.sources.test_credentials import AUTH, SETTINGS

LISTING = Listing(total=25, page_size=10)
CURSOR = {"style": "cursor", "read": "next", "send": "cursor"}


def read_from(path: str, listing: Listing = LISTING, **description: Any) -> tuple[list[Any], Reading]:
    return read(library(listing), path, {"pagination": CURSOR, **description})


@pytest.mark.parametrize("how", ["length", "chunked", "gzip"])
def test_a_body_that_is_cut_is_asked_for_again(how: str) -> None:
    assert read_from(f"/cut/{how}")[0] == LISTING.ids()


def test_lines_that_were_read_before_a_cut_are_not_taken_twice() -> None:
    many = Listing(total=3000)
    lines = {"format": "ndjson", "items": "", "pagination": {"style": "none"}}
    assert read_from("/cut/ndjson", many, **lines)[0] == many.ids()


def test_a_source_that_cuts_every_body_is_unreachable_and_says_so() -> None:
    with pytest.raises(SourceUnreachable, match=r"in 1 attempts; .* At last: .*(complete|closed)"):
        read_from("/cut/length", attempts=1, outage_seconds=0)


@pytest.mark.parametrize("form", ["seconds", "date", "delta", "forbidden", "unavailable"])
def test_a_refusal_is_waited_out_and_takes_no_attempt(form: str) -> None:
    messages, run = read_from(f"/throttled/{form}?wait=100", attempts=1)
    assert messages == LISTING.ids()
    waits = [wait for wait in run.waits if wait]
    assert len(waits) == 6, "two refusals for each of three pages"
    assert all(98 < wait <= 101 for wait in waits), waits


def test_a_refusal_in_the_body_of_a_success_is_waited_out() -> None:
    said = {"path": "errors.extensions.code", "values": ["THROTTLED"], "wait_path": "errors.extensions.wait"}
    messages, run = read_from("/throttled/body?wait=100", throttle={"body": said})
    assert messages == LISTING.ids()
    assert [wait for wait in run.waits if wait] == [100.0] * 6


@pytest.mark.parametrize(
    ("status", "path", "value", "body"),
    [
        (403, "errorCode", "REQUEST_LIMIT_EXCEEDED", [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "daily"}]),
        (403, "error.errors.reason", "rateLimitExceeded", {"error": {"errors": [{"reason": "rateLimitExceeded"}]}}),
        (400, "error.code", 17, {"error": {"code": 17, "message": "User request limit reached"}}),
        (500, "code", "SLOW", {"code": "SLOW"}),
    ],
)
def test_a_refusal_in_the_body_of_an_error_is_waited_out(status: int, path: str, value: Any, body: Any) -> None:
    answers = iter([web.json_response(body, status=status), web.json_response({"items": [1]})])

    async def page(request: web.Request) -> web.Response:
        return next(answers)

    throttle = {"body": {"path": path, "values": [value]}, "penalty_seconds": 30}
    outcome = asyncio.run(ask(page, throttle=throttle, attempts=1))
    assert outcome == Throttled(30)


def test_an_error_whose_body_says_something_else_is_no_throttling() -> None:
    async def page(request: web.Request) -> web.Response:
        return web.json_response([{"errorCode": "INVALID_FIELD"}], status=400)

    with pytest.raises(SourceRefused, match=r"HTTP 400.*INVALID_FIELD"):
        asyncio.run(ask(page, throttle={"body": {"path": "errorCode", "values": ["REQUEST_LIMIT_EXCEEDED"]}}))


def test_items_beside_a_refusal_in_the_body_are_not_taken() -> None:
    answers = iter([({"items": ["a", "b"], "error": "SLOW"}), {"items": ["a", "b", "c"]}])

    async def page(request: web.Request) -> web.Response:
        return web.json_response(next(answers))

    throttle = {"body": {"path": "error", "values": ["SLOW"]}, "penalty_seconds": 2}
    table = {"pagination": CURSOR, "message": "", "throttle": throttle}
    assert read(app_of(page), "/", table)[0] == ["a", "b", "c"]


def test_a_page_for_people_is_refused_at_once() -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text=" <html>Please log in</html>", content_type="text/html")

    with pytest.raises(SourceRefused, match=r"no JSON but ' <html>Please log in"):
        asyncio.run(ask(page))


def test_the_declared_penalty_is_the_wait_of_a_source_that_names_none() -> None:
    messages, run = read_from("/throttled/silent", throttle={"penalty_seconds": 30})
    assert messages == LISTING.ids()
    assert [wait for wait in run.waits if wait] == [30.0] * 6


def test_waiting_has_a_limit_of_its_own_that_counts_over_batches() -> None:
    with pytest.raises(SourceUnreachable, match=r"left alone for 200 seconds .* 150 of throttle.max_wait_seconds"):
        read_from("/throttled/seconds?wait=100", throttle={"max_wait_seconds": 150})
    assert read_from("/throttled/seconds?wait=100", throttle={"max_wait_seconds": 250})[0] == LISTING.ids()


def test_a_trickle_is_cut_off_with_what_to_do() -> None:
    with pytest.raises(SourceRefused, match=r"not complete after 0.3 seconds.*limits.response_seconds"):
        read_from("/trickle", limits={"response_seconds": 0.3})


@pytest.mark.parametrize("form", ["json", "gzip", "ndjson", "csv"])
def test_one_gigantic_response_comes_whole_as_many_chunks_of_one_batch(form: str) -> None:
    many = Listing(total=60_000)
    style: dict[str, Any] = {"pagination": {"style": "none"}, "format": form, "items": ""}
    style |= {"format": "json", "items": "page.items"} if form in ("json", "gzip") else {}

    messages, run = read(library(many), f"/all/{form}", style, chunk_size=500, max_messages=4000)
    assert messages == many.ids()
    assert [(batch.chunks, batch.pages) for batch in run.batches] == [(120, 1)]


def test_a_response_over_its_limit_is_refused_however_well_it_was_compressed() -> None:
    with pytest.raises(SourceRefused, match=r"larger than 100,000 bytes.*limits.response_bytes"):
        read_from("/all/gzip", Listing(total=30_000), items="page.items", limits={"response_bytes": 100_000})


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


@pytest.mark.parametrize(("name", "sent"), [("accept", "text/csv"), ("ACCEPT-ENCODING", "gzip, deflate")])
def test_a_header_of_the_source_goes_once_in_whatever_case_it_was_written(name: str, sent: str) -> None:
    async def page(request: web.Request) -> web.Response:
        return web.json_response({"items": request.headers.getall(name)})

    assert asyncio.run(ask(page, headers={name: "text/csv"})).items == [sent]


@pytest.mark.parametrize("value", ["caf\u00e9", "a\r\nX-Admin: 1", "a\0", "behind "])
def test_a_header_that_cannot_be_sent_is_named_and_not_shown(value: str) -> None:
    async def page(request: web.Request) -> web.Response:
        return web.json_response({"items": [1], "next": value})

    cursor = {"style": "cursor", "read": "next", "send": "header:X-Tenant"}
    for described in ({"headers": {"X-Tenant": value}}, {"pagination": cursor}):
        with pytest.raises(SourceRefused, match=r"the header X-Tenant .* where the pagination sends it") as refused:
            read(app_of(page), "/", {"pagination": CURSOR, "message": "", **described})
        assert value.strip() not in str(refused.value)


async def redirected(*, to_host: bool = True, hosts: bool = False, **table: Any) -> tuple[Any, httpx.Headers, str]:
    """Ask a source that redirects to another one; gives the outcome, and the headers and URL that the other one saw."""
    seen: list[tuple[httpx.Headers, str]] = []

    async def target(request: web.Request) -> web.Response:
        seen.append((httpx.Headers(list(request.headers.items())), str(request.url)))
        return web.json_response({"items": [1]})

    async with TestServer(app_of(target, there=target)) as elsewhere:
        to = str(elsewhere.make_url("/there?api_key=k-123")) if to_host else "/all/json"
        allowed = {"hosts": [str(elsewhere.make_url("/"))]} if hosts else {}
        table = {"pagination": {"style": "none"}, "query": {"to": to, "status": 307}, **allowed, **table}
        async with served(library(LISTING), "/redirect", **table) as (source, http):
            outcome = await SourceClient(source, http, environment=SETTINGS).get(source.base_request())
            return outcome, *(seen[0] if seen else (httpx.Headers(), ""))


def test_a_redirect_within_the_source_is_followed() -> None:
    outcome, *_ = asyncio.run(redirected(to_host=False, items="page.items"))
    assert outcome.count == 25
    assert outcome.url.endswith("/all/json")


def test_a_redirect_to_another_host_is_an_error_that_names_it() -> None:
    with pytest.raises(SourceRefused, match=r"redirects to another host, http://127.0.0.1:\d+. .* add it to hosts"):
        asyncio.run(redirected())


@pytest.mark.parametrize("kind", sorted(AUTH.keys() - {"oauth"}))
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
    async def page(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("/")

    with pytest.raises(SourceRefused, match=r"redirects more than 5 times"):
        asyncio.run(ask(page))
