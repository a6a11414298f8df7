"""Whatever fails between the source and the app: all items arrive once, or the run gives the reason."""

import asyncio
import json
import time
from email.utils import formatdate
from typing import Any

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ingestion.errors import OutOfTime, SourceRefused
from ingestion.source.client import SourceClient
from ingestion.source.page import Page, Throttled
from local.demo.paging.listing import Listing
from tests.sources.fake_api import AUTH, NONE, FakeApi, Library, Pages, ask, cut_off, said, source_at
from tests.sources.reader import read, reading, refusal
from tests.sources.test_expiry import RESTART, RESUME

IDS = Listing().ids()
LINES: dict[str, Any] = {"format": "ndjson", "items": "", "pagination": NONE}


@pytest.mark.parametrize("how", ["length", "chunked", "gzip"])
def test_a_body_that_is_cut_off_is_requested_again(how: str) -> None:
    assert read(Library(f"/cut/{how}"), {})[0] == IDS


def test_lines_that_were_read_before_a_cut_are_not_taken_twice() -> None:
    many = Listing(total=3000)
    assert read(Library("/cut/ndjson", many), LINES)[0] == many.ids()


@pytest.mark.parametrize(
    ("then", "table"),
    [
        ([], {}),
        ([said(429, Retry_After="60")], {}),
        (["cut"], {"attempts": 2}),  # so that the source counts as away
        ([410], {"expiry": RESTART}),
        ([410], {"expiry": RESUME}),
    ],
)
def test_items_before_a_cut_arrive_once_whatever_the_source_answers_then(
    then: list[Any], table: dict[str, Any]
) -> None:
    left = ["cut", *then]

    def instead(request: web.Request, start: int) -> Any:
        if "cursor" not in request.query:
            return None
        pad = "x" * 20_000  # so that the page is read while it arrives, and its first chunks are written
        body = json.dumps({"items": [{"id": one, "pad": pad} for one in range(start + 1, 111)]}).encode()
        how = left.pop(0) if left else web.Response(body=body)
        return cut_off(request, body) if how == "cut" else how

    assert read(Pages(110, instead=instead), table)[0] == list(range(1, 111))


def test_a_source_that_cuts_every_body_is_unreachable_and_says_so() -> None:
    table = {"attempts": 1, "outage_seconds": 0}
    refusal(Library("/cut/length"), table, "in 1 attempts; .* At last: .*(complete|closed)")


NAMED = said(429, Retry_After="100")
SPENT = {"X_RateLimit_Remaining": "0"}
THROTTLED = {"data": None, "errors": [{"extensions": {"code": "THROTTLED", "wait": 100}}]}
IN_BODY = {"path": "errors.extensions.code", "values": ["THROTTLED"], "wait_path": "errors.extensions.wait"}


def until_a_date(request: web.Request) -> Any:
    return said(429, Retry_After=formatdate(time.time() + 100, usegmt=True))


def until_a_reset(request: web.Request) -> Any:
    return said(403, {"message": "API rate limit exceeded"}, **SPENT, X_RateLimit_Reset=f"{time.time() + 100:.0f}")


def refusing(answer: Any) -> Pages:
    """Three pages; two requests are refused before each."""
    api = Pages(30, instead=lambda request, start: answer if len(api.asked) % 3 else None)
    return api


@pytest.mark.parametrize(
    ("answer", "throttle", "seconds"),
    [
        (NAMED, {}, 100),
        (until_a_date, {}, 100),
        (said(429, **SPENT, RateLimit_Reset="100"), {}, 100),
        (until_a_reset, {}, 100),
        (said(503, Retry_After="100"), {}, 100),
        (said(200, THROTTLED), {"body": IN_BODY}, 100),
        (429, {"penalty_seconds": 30}, 30),
    ],
)
def test_every_form_of_refusal_is_waited_out_and_takes_no_attempt(
    answer: Any, throttle: dict[str, Any], seconds: float
) -> None:
    messages, run = read(refusing(answer), {"attempts": 1, "throttle": throttle})
    assert messages == list(range(1, 31))
    assert run.wait_seconds == [pytest.approx(seconds, abs=2)] * 6


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
    throttle = {"body": {"path": path, "values": [value]}, "penalty_seconds": 30}
    assert asyncio.run(ask(FakeApi(said(status, body)), throttle=throttle, attempts=1)) == Throttled(30)


def test_items_beside_a_refusal_in_the_body_are_not_taken() -> None:
    api = FakeApi({"items": ["a", "b"], "error": "SLOW"}, {"items": ["a", "b", "c"], "next": None})
    throttle = {"body": {"path": "error", "values": ["SLOW"]}, "penalty_seconds": 2}
    assert read(api, {"message": "", "throttle": throttle})[0] == ["a", "b", "c"]


def trickling(trickles: str) -> FakeApi:
    """Two pages of two items; the page that `trickles` (its cursor) never ends."""

    async def page(request: web.Request) -> Any:
        cursor = request.query.get("cursor", "")
        if cursor != trickles:
            return {"items": [{"id": 1}, {"id": 2}], "next": "" if cursor else "two"}
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"items": [')
        while True:
            await response.write(b'{"id": 3}, ')
            await asyncio.sleep(0.01)

    return FakeApi(page)


def html(request: web.Request) -> web.Response:
    return web.Response(text=" <html>Please log in</html>", content_type="text/html")


SLOW = {"body": {"path": "errorCode", "values": ["SLOW"]}}


@pytest.mark.parametrize(
    ("api", "table", "pattern"),
    [
        (FakeApi(said(400, [{"errorCode": "INVALID_FIELD"}])), {"throttle": SLOW}, "HTTP 400.*INVALID_FIELD"),
        (FakeApi(html), {}, "not a page in the format json: .*<html>Please log in"),
        (trickling(""), {"limits": {"response_seconds": 0.3}}, r"after 0\.3 seconds.*limits\.response_seconds"),
        (Library("/all/gzip", total=30_000), {"limits": {"response_bytes": 100_000}}, "larger than 100,000 bytes"),
        (FakeApi(said(302, Location="/")), {}, "redirects more than 5 times"),
        (
            refusing(NAMED),
            {"throttle": {"max_wait_seconds": 150}},
            r"wait for 200 seconds .* 150 of throttle\.max_wait_seconds",
        ),
    ],
)
def test_an_answer_that_no_attempt_and_no_wait_can_mend_ends_the_run_with_what_to_do(
    api: FakeApi | Library, table: dict[str, Any], pattern: str
) -> None:
    refusal(api, table, pattern)


def test_waiting_has_a_limit_that_begins_anew_with_each_page() -> None:
    assert len(read(refusing(NAMED), {"throttle": {"max_wait_seconds": 250}})[0]) == 30


@pytest.mark.parametrize(("trickles", "whole"), [("two", [1, 2]), ("", [])])
def test_a_page_that_trickles_is_given_up_in_time_and_the_next_fetch_begins_with_it(
    trickles: str, whole: list[int]
) -> None:
    async def scenario() -> None:
        async with reading(trickling(trickles), {}, last_page_seconds=0.3) as run:
            cursor = None
            if whole:
                run.batches.append(await run.fetch(0, None))
                cursor = run.batches[0].next_cursor
            assert run.taken == whole
            with pytest.raises(OutOfTime, match=r"get one page of the source.*functionTimeout"):
                await run.fetch(len(run.batches), cursor)
            assert whole or run.container.blobs == {}

    asyncio.run(asyncio.wait_for(scenario(), 30))


@pytest.mark.parametrize("form", ["json", "gzip", "ndjson", "csv"])
def test_one_gigantic_response_comes_whole_as_many_chunks_of_one_batch(form: str) -> None:
    many = Listing(total=60_000)
    table = {**LINES, "format": form}
    if form in ("json", "gzip"):
        table |= {"format": "json", "items": "page.items"}
    messages, run = read(Library(f"/all/{form}", many), table, chunk_size=500, max_messages=4000)
    assert messages == many.ids()
    assert [(batch.chunks, batch.pages) for batch in run.batches] == [(120, 1)]


def test_lines_without_a_length_are_refused_for_a_cut_could_not_be_seen() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"a"\n"b"\n')
        await writer.drain()
        writer.close()

    async def ask(**limits: Any) -> Any:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server, httpx.AsyncClient() as http:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            source = source_at(url, **LINES, limits=limits)
            return (await SourceClient(source, http).get(source.base_request())).items  # type: ignore[union-attr]

    with pytest.raises(SourceRefused, match=r"limits.unframed"):
        asyncio.run(ask())
    assert asyncio.run(ask(unframed=True)) == ["a", "b"]


@pytest.mark.parametrize(("name", "sent"), [("accept", "text/csv"), ("ACCEPT-ENCODING", "gzip")])
def test_a_header_of_the_source_goes_once_in_whatever_case_it_was_written(name: str, sent: str) -> None:
    api = FakeApi({"items": []})
    asyncio.run(ask(api, headers={name: "text/csv"}))
    assert api.asked[0].headers.getall(name) == [sent]


@pytest.mark.parametrize("value", ["caf\u00e9", "a\r\nX-Admin: 1", "a\0", "behind "])
@pytest.mark.parametrize("by_cursor", [True, False])
def test_a_header_that_cannot_be_sent_is_named_and_not_shown(by_cursor: bool, value: str) -> None:
    cursor = {"style": "cursor", "read": "next", "send": "header:X-Tenant"}
    table = {"pagination": cursor} if by_cursor else {"headers": {"X-Tenant": value}}
    api = FakeApi({"items": [{"id": 1}], "next": value})
    message, _ = refusal(api, table, r"the header X-Tenant .* Check headers and pagination")
    assert value.strip() not in message


async def redirected(
    status: int = 307, to: str = "", hosts: bool = False, **table: Any
) -> tuple[Page | Throttled, FakeApi]:
    """Fetch from a source that redirects to `to`, or to another one; return the outcome, and the other one."""
    other = FakeApi({"items": [1]})
    async with TestServer(other.app()) as elsewhere:
        api = FakeApi(said(status, Location=to or str(elsewhere.make_url("/?api_key=k-123"))), there={"items": [1, 2]})
        table |= {"hosts": [str(elsewhere.make_url("/"))]} if hosts else {}
        return await ask(api, **table), other


def test_a_redirect_within_the_source_is_followed() -> None:
    outcome, _ = asyncio.run(redirected(to="/there"))
    assert isinstance(outcome, Page)
    assert outcome.items == [1, 2]
    assert outcome.url.endswith("/there")


@pytest.mark.parametrize("kind", sorted(AUTH.keys() - {"oauth"}))
def test_credentials_never_go_to_another_origin_even_if_it_is_allowed(kind: str) -> None:
    _, other = asyncio.run(redirected(hosts=True, auth=AUTH[kind], headers={"X-Secret": "s"}))
    (asked,) = other.asked
    assert not {"authorization", "x-api-key", "x-secret"} & {name.lower() for name in asked.headers}
    assert kind != "query" or "k-123" not in str(asked.url)


POST: dict[str, Any] = {"method": "POST", "body": {"a": 1}}


@pytest.mark.parametrize(
    ("status", "to", "table", "error"),
    [
        (307, "", {}, r"redirects to another host, http://127.0.0.1:\d+. .* add it to hosts"),
        (302, "/there", POST, "lose the request's body"),
        (303, "/there", POST, "lose the request's body"),
        (308, "http://127.0.0.1:9/", POST, "another host"),
    ],
)
def test_a_redirect_to_another_host_or_one_that_would_lose_the_body_is_an_error(
    status: int, to: str, table: dict[str, Any], error: str
) -> None:
    with pytest.raises(SourceRefused, match=error):
        asyncio.run(redirected(status, to, **table))
