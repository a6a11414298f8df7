"""Whatever a source answers: the stored data is bounded, and an error names what is too large."""

import asyncio
import gzip
import itertools
import json
import tracemalloc
from typing import Any

import pytest
from aiohttp import web

from ingestion.errors import SourceRefused
from ingestion.fetching import fetch_parallel
from ingestion.source import client
from ingestion.source.page import Room
from ingestion.source.reading import parse_json
from ingestion.source.reading.parse_json import JsonParser
from ingestion.source.waiting.throttle import Cost, Throttle, pause_seconds
from ingestion.source.waiting.wait import seconds_from
from tests.sources.fake_api import AUTH, CURSOR, NONE, FakeApi, Pages, said
from tests.sources.reader import read, reading, refusal

IDS = list(range(1, 51))


async def endless(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    while True:
        await answer.write(b'{"error": "' + b"x" * 65_536)


@pytest.mark.parametrize(
    ("token", "what"),
    [
        (endless, "without a reason"),
        (said(400, {"error": "k" * 200_000}), "without a reason"),
        (said(400, {"error": ["open sesame" * 1_000]}), r"\*\*\*"),
        ({"access_token": "t" * 60_000}, "a token of 60,000 characters that no header can hold"),
        ({"access_token": ""}, "characters that no header can hold"),
        ({"access_token": "a\nb"}, "characters that no header can hold"),
        ({"access_token": "café"}, "characters that no header can hold"),
    ],
)
def test_an_answer_of_a_token_endpoint_is_bounded_and_named(token: Any, what: str) -> None:
    message, _ = refusal(FakeApi({"items": []}, token=token), {"auth": AUTH["oauth"], "outage_seconds": 0}, what)
    assert len(message) < 600
    assert "sesame" not in message


class Watched(Room):
    """Room for 3,000 bytes that records its highest use."""

    most = 0

    def __init__(self, left: int = 3_000) -> None:
        super().__init__(left)

    def __setattr__(self, name: str, value: int) -> None:
        super().__setattr__(name, value)
        Watched.most = max(Watched.most, 3_000 - value)


@pytest.mark.parametrize("parallel", [4, 64])
def test_pages_ahead_take_no_more_memory_than_there_is_however_many_may_be_asked_for(
    parallel: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_parallel, "Room", Watched)
    Watched.most = 0
    table = {"pagination": {"style": "page_number", "end": {"total": True}}, "total": "total"}

    def padded(request: web.Request, start: int) -> Any:
        return {"items": [{"id": n, "pad": "x" * 90} for n in range(start + 1, start + 11)], "total": 50 * 4}

    messages, _ = read(Pages(200, instead=padded), {**table, "parallel_fetches": parallel}, max_messages=1000)
    assert messages == list(range(1, 201))
    assert 1_000 < Watched.most <= 3_000, "what is beyond it is not kept"


@pytest.mark.parametrize("style", ["keyset", "since"])
def test_a_page_that_has_to_be_in_memory_as_a_whole_is_bounded(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "Room", Watched)
    table = {"style": style, "key": "id"} if style == "keyset" else {"style": style, "key": "id", "form": "number"}
    refusal(Pages(500, 500), {"pagination": table}, "in memory as a whole; .*smaller pages")


@pytest.mark.parametrize(
    ("style", "beside"),
    [
        ({"style": "page_number"}, {"total": 10**7}),
        ({"style": "page_number", "end": {"total_pages": "pages"}}, {"pages": 10**7}),
        ({"style": "offset"}, {"total": 10**7}),
    ],
)
def test_however_many_pages_a_source_says_to_have_no_list_of_them_is_made(style: Any, beside: dict[str, int]) -> None:
    def instead(request: web.Request, start: int) -> Any:
        start = int(request.query.get("offset", start))
        ids = range(start + 1, min(start + 10, 50) + 1)
        pages = {"pages": 5} if start >= 40 and "pages" in beside else beside
        return {"items": [{"id": n} for n in ids], **pages}

    table = {"pagination": style, "total": "total", "parallel_fetches": 4}
    tracemalloc.start()
    messages, _ = read(Pages(instead=instead), table, max_messages=1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert messages == IDS
    assert peak < 50_000_000


def test_a_content_range_of_a_giant_makes_no_list_either() -> None:
    def ranged(request: web.Request) -> Any:
        start = int(request.headers["Range"].split("=")[1].split("-")[0])
        if start >= 50:
            return 416
        document = {"items": [{"id": n} for n in range(start + 1, start + 11)]}
        return said(206, document, Content_Range=f"items {start}-{start + 9}/{10**18 - 1}")

    table = {"pagination": {"style": "range_header", "limit": 10}, "parallel_fetches": 4}
    assert read(FakeApi(ranged), table, max_messages=1000)[0] == IDS


def test_a_bomb_is_refused_and_lets_others_work_meanwhile() -> None:
    record = b'{"id":"' + b"x" * 50_000 + b'"},'
    bomb = gzip.compress(b'{"items": [') + gzip.compress(record * 200) * 20
    turns = 0

    async def run() -> None:
        nonlocal turns
        asked = asyncio.create_task(refused())
        while not asked.done():
            turns += 1
            await asyncio.sleep(0)
        await asked

    async def refused() -> None:
        async with reading(
            FakeApi(lambda request: web.Response(body=bomb)), {"pagination": NONE}, chunk_size=100_000
        ) as going:
            with pytest.raises(SourceRefused, match="more than 200 times its own size"):
                await going.all()

    asyncio.run(run())
    assert turns > 500


@pytest.mark.parametrize("before", [b'{"items": [[1]], "x": ', b'{"items": [', b'{"items": [[1], ', b'{"x": '])
def test_what_is_beside_the_items_does_not_fill_the_memory_nor_does_one_item(
    before: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parse_json, "MAX_HELD", 300_000)
    endless, fed = itertools.chain([before + b"["], itertools.repeat(b"[]," * 20_000)), 0
    parser = JsonParser(("items",), small_bytes=100_000)

    def feed_all() -> None:
        nonlocal fed
        for piece in endless:
            fed += len(piece)
            parser.feed(piece)

    with pytest.raises(SourceRefused, match=r"300,000 characters .*\(items = 'items'\)|first 300,000 characters"):
        feed_all()
    assert fed < 500_000


ODD = ["²/40", "1e999", "-1", "nan", "9" * 5_000, "Mon, 99 Foo 2026", "Fri, 01 Jan 99999999999999999999 00:00:00 GMT",
       "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00", "Wed, 21 Oct 2015 07:28:00 +99999999999999", "1_0",
       "Thu, 01 Jan 1970 99999999999:00:00 GMT", "", " ", ",,,", "Mon,", "1 2 3 4 5 6 7"]  # fmt: skip


@pytest.mark.parametrize("text", ODD)
def test_an_odd_wait_or_date_is_no_error_without_a_name(text: str) -> None:
    wait = seconds_from(text, 1_700_000_000.0)
    assert wait is None or wait >= 0
    headers = {"x-bucket": text, "x-ratelimit-remaining": "0", "x-ratelimit-reset": text}
    cost = {"cost": {"q": 10**400, "a": 1, "r": 1}}
    throttle = Throttle(
        bucket_header="x-bucket", cost=Cost(requested="cost.q", available="cost.a", restored_per_second="cost.r")
    )
    assert pause_seconds(throttle, headers, cost, 1_700_000_000.0) >= 0


@pytest.mark.parametrize("value", ["9999-12-31T23:59:59-14:00", 10**400, "x" * 9_999])
@pytest.mark.parametrize(("form", "kind"), [("iso", "time"), ("number", "number")])
def test_a_key_of_since_that_cannot_be_computed_with_is_named(form: str, kind: str, value: Any) -> None:
    page = f'{{"items": [{{"id": 1, "at": {json.dumps(value)}}}]}}'
    table = {"pagination": {"style": "since", "key": "at", "form": form, "overlap": 0.5}}
    message, _ = refusal(FakeApi(lambda request: web.Response(body=page.encode())), table, f"no {kind} at 'at'")
    assert len(message) < 300


@pytest.mark.parametrize("style", [CURSOR, {**CURSOR, "send": "header:X-After"}, {**CURSOR, "send": "body:after"}])
@pytest.mark.parametrize("cursor", ["c" * 200_000, {"a": "c" * 200_000}, "é" * 30_000])
def test_a_cursor_that_is_too_long_is_named_and_not_shown(style: dict[str, str], cursor: Any) -> None:
    table = {"pagination": style, "method": "POST"}
    api = FakeApi({"items": [{"id": 1}], "next": cursor}, {"items": []})
    if isinstance(cursor, str) and len(cursor) < 32_768 and style["send"] == "body:after":
        assert read(api, table)[0] == [1]
        return
    message, _ = refusal(api, table, "value for .* characters|an invalid address|the header X-After")
    assert len(message) < 400


def test_a_next_link_that_is_too_long_is_named() -> None:
    api = FakeApi({"items": [{"id": 1}], "next": "/?cursor=" + "c" * 200_000})
    message, _ = refusal(api, {"pagination": {"style": "next_url"}}, "leads to something that is not an HTTP address")
    assert len(message) < 400


@pytest.mark.parametrize(
    "location",
    ["http://[::1", "http://a:b/", "javascript:alert(1)", "?" * 7_500, "http://xn--/", "http://..",
     "http://a..b/", "http://%zz/", "//", "ftp://x/", "http://user@", "mailto:a@b.example"],
)  # fmt: skip
def test_an_odd_redirect_ends_in_an_error_that_names_it(location: str) -> None:
    message, run = refusal(FakeApi(said(302, Location=location)), {}, r"redirects (more than|to)")
    assert len(message) < 8_000
    assert run.wait_seconds == [], "no waiting helps"
