"""A successful answer that is not a page: it never ends the source; the run waits if it may pass, else it fails."""

import asyncio
import gzip
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from aiohttp import web

from ingestion.errors import SourceRefused
from ingestion.source.client import SourceClient
from tests.sources.fake_api import AUTH, NONE, FakeApi, Pages, ask, said, source_at
from tests.sources.reader import read, refusal

HTML = b"\n<!DOCTYPE html><title>Down for maintenance</title>\n"
PASSING = {"html": HTML, "empty": b"", "blank": b" \n", "compressed": gzip.compress(HTML)}
FORMATS: dict[str, Callable[[int, int], bytes]] = {
    "json": lambda start, stop: json.dumps({"items": [{"id": str(n)} for n in range(start, stop)]}).encode(),
    "ndjson": lambda start, stop: b"".join(b'{"id": "%d"}\n' % n for n in range(start, stop)),
    "csv": lambda start, stop: b"id,name\n" + b"".join(b"%d,x\n" % n for n in range(start, stop)),
}
LASTING = {
    "json": [
        (b'{"items": [{"id": 1},]}', "line 1 column 2"),
        (b'{"items": [{"id": 1}, {"id": 2}', "whole JSON"),
        (b'{"items": [{"id": NaN}]}', "NaN"),
        ('{"items": [{"id": "café"}]}'.encode("latin-1"), "utf-8"),
        (b"Service busy, try later", "line 1 column 1"),
        (b'{"status": "error", "reason": "busy"}', "nothing where its items should be"),
        (b'{"items": {"0": {"id": 1}}}', "dict where its items should be"),
    ],
    "ndjson": [
        (b'{"status": "error", "reason": "busy"}\n', "no value for the message"),
        (b'{"id": 1}\n{"id": 2', "line of the response is not JSON"),
        (b'{"id": 1}\nService busy\n', "line of the response is not JSON"),
        (b'{"id": NaN}\n', "NaN"),
    ],
    "csv": [
        (b'{"status": "error", "reason": "busy"}\n', "no header"),
        (b'id,name\n1,"x', "unexpected end"),
        (b"id,name\n1\n", "has 1 fields, its header 2"),
        (b"id,name\n1,caf\xe9\n", "not utf-8"),
    ],
}
EVERY = [(form, body, said) for form, bodies in LASTING.items() for body, said in bodies]
PLAIN = ["json", "ndjson", "csv"]


def described(form: str, **table: Any) -> dict[str, Any]:
    return {"format": form, "pagination": {"style": "page_number", "end": {"total": True}}, "total": TOTAL, **table}


def answers(form: str, *instead: tuple[int, bytes | None, int]) -> Pages:
    """Four pages of ten ids; `instead` has other answers for some pages, and how many times."""
    left = {page: (body, times) for page, body, times in instead}

    def answer(request: web.Request, start: int) -> Any:
        body, times = left.get(start // 10 + 1, (None, 0))
        if times and body is not None:
            left[start // 10 + 1] = body, times - 1
        else:
            body = FORMATS[form](start + 1, min(start + 10, 40) + 1)
        return web.Response(body=body, headers={"X-Total": "40"})

    return Pages(instead=answer)


IDS = [str(number) for number in range(1, 41)]
ALWAYS, TOTAL = 1000, "header:X-Total"


@pytest.mark.parametrize("form", PLAIN)
@pytest.mark.parametrize("kind", PASSING)
def test_a_later_page_of_html_or_of_nothing_is_an_outage_and_never_the_end(form: str, kind: str) -> None:
    table = described(form, outage_seconds=300)
    messages, run = read(answers(form, (2, PASSING[kind], 6)), table)
    assert messages == IDS
    assert any(wait >= 15 for wait in run.waits), "it was waited for"
    _, run = refusal(answers(form, (2, PASSING[kind], ALWAYS)), table, "away for 300 .*At last: .*not a page")
    assert run.taken == IDS[:10]


@pytest.mark.parametrize("form", PLAIN)
@pytest.mark.parametrize("kind", PASSING)
def test_a_first_page_of_html_or_of_nothing_fails_after_one_more_attempt(form: str, kind: str) -> None:
    api = answers(form, (1, PASSING[kind], ALWAYS))
    said = r"not a page .*maintenance" if "empty" not in kind and kind != "blank" else "not a page .*empty"
    _, run = refusal(api, described(form), said)
    assert (len(api.asked), run.wait_seconds[1:], run.taken) == (2, [], [])
    assert read(answers(form, (1, PASSING[kind], 1)), described(form, pagination=NONE))[0] == IDS[:10]


@pytest.mark.parametrize(("form", "body", "said"), EVERY)
@pytest.mark.parametrize("page", [1, 3])
def test_any_other_answer_that_is_no_page_fails_after_one_more_attempt_with_place_and_text(
    form: str, body: bytes, said: str, page: int
) -> None:
    api = answers(form, (page, body, ALWAYS))
    message, run = refusal(api, described(form), said)
    assert body[:7].decode(errors="replace") in message
    assert "http://127.0.0.1" in message
    assert (len(api.asked), run.wait_seconds[1:]) == (page + 1, [])
    assert run.taken == IDS[: (page - 1) // 2 * 20], "the batches before it"
    assert read(answers(form, (page, body, 1)), {**described(form), "pagination": LAST_OF_FOUR})[0] == IDS


@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_an_item_without_its_message_is_named_with_its_page_and_its_place_in_it(form: str) -> None:
    wrong = FORMATS[form](21, 31).replace(b'"id": "28"', b'"name": "x"')
    message, _ = refusal(answers(form, (3, wrong, ALWAYS)), described(form), "item 8 of page 3 has no value")
    assert '{"name": "x"' in message
    assert "redrive the run" in message
    assert "not a page" not in message


LAST_OF_FOUR = {"style": "window", "send_from": "cursor", "start": 0, "stop": 40, "step": 10}


@pytest.mark.parametrize("attempts", [1, 2])
def test_no_request_exceeds_the_attempts_of_the_source(attempts: int) -> None:
    api = answers("json", (1, b"busy", ALWAYS))
    refusal(api, described("json", attempts=attempts), "not a page")
    assert len(api.asked) == attempts


@pytest.mark.parametrize(("form", "length"), [("json", 190), ("ndjson", 70), ("csv", 70)])
def test_the_quoted_text_shows_no_part_of_a_credential(form: str, length: int) -> None:
    secret = "s3cret-" * 5
    table = {"format": form, "pagination": NONE, "auth": AUTH["bearer"], "message": "id"}
    api = FakeApi(body(b"x" * length + secret.encode() + b" is not known"))
    with pytest.raises(SourceRefused) as error:
        asyncio.run(ask(api, {"KEY": secret}, **table))
    assert "xxx***" in str(error.value)
    assert "s3c" not in str(error.value)


def body(content: bytes) -> Callable[[web.Request], web.Response]:
    return lambda request: web.Response(body=content)


def test_a_body_of_nothing_is_a_page_only_of_ndjson_and_where_empty_pages_are_declared() -> None:
    declared: dict[str, Any] = {"style": "page_number", "end": {"empty": True}}
    for form in "json", "csv":
        refusal(FakeApi(body(b"")), {"format": form, "pagination": declared}, "not a page .*empty")
    lines: dict[str, Any] = {"format": "ndjson", "pagination": declared}
    assert read(FakeApi(body(b'\xef\xbb\xbf{"id": 1}\n'), body(b"\xef\xbb\xbf\n")), lines)[0] == [1]
    gaps = {**LAST_OF_FOUR, "end": {"empty": False}}
    assert read(FakeApi(body(b""), body(b'{"id": 1}\n'), body(b"")), {**lines, "pagination": gaps})[0] == [1]
    refusal(FakeApi(body(b"")), {**lines, "pagination": NONE}, "not a page .*empty")


@pytest.mark.parametrize("status", [204, 205])
def test_an_answer_without_content_is_a_page_only_where_it_is_declared(status: int) -> None:
    def api() -> Pages:
        return Pages(20, instead=lambda request, start: status if start >= 20 else None)

    table = {"attempts": 2, "outage_seconds": 0}
    refusal(api(), {**table, "pagination": {"style": "page_number"}}, f"HTTP {status}")
    for end in {"empty": True}, {"statuses": [status]}:
        assert read(api(), {"pagination": {"style": "page_number", "end": end}})[0] == list(range(1, 21))


@pytest.mark.parametrize("items", [[], None])
@pytest.mark.parametrize("beside", [{"error": {"code": 500}}, {"errors": ["timed out"]}, {"error": "timed out"}])
@pytest.mark.parametrize("page", [1, 3])
def test_no_items_beside_an_error_are_no_page_unless_the_description_says_what_an_error_is(
    items: Any, beside: dict[str, Any], page: int
) -> None:
    def api() -> Pages:
        return Pages(instead=lambda request, start: {"items": items, **beside} if start == 10 * page - 10 else None)

    _, run = refusal(
        api(), described("json"), "it has an error and no items.*(500|timed out)|null where its items should"
    )
    assert run.taken == list(range(1, 21) if page > 1 else [])
    declared = described("json", success="ok", attempts=1, outage_seconds=0)
    refusal(api(), declared, "expects true")
    no_error: dict[str, Any] = {"items": [], **dict.fromkeys(beside)}
    assert read(FakeApi({"items": [{"id": 1}], "error": ""}, no_error), described("json"))[0] == [1]


def test_an_accepted_answer_that_is_not_ready_is_requested_again() -> None:
    left = [web.json_response({}, status=202), web.json_response({"items": []}, status=202)]
    api = Pages(30, instead=lambda request, start: left.pop() if start == 10 and left else None)
    assert read(api, {"pagination": {"style": "page_number"}, "attempts": 3})[0] == list(range(1, 31))
    assert read(FakeApi(said(202, {"items": [{"id": 1}]}), {"items": []}), {"pagination": {"style": "page_number"}})[
        0
    ] == [1]


def test_a_line_with_an_error_is_not_a_record_unless_it_has_the_message() -> None:
    table = {"format": "ndjson", "message": "", "pagination": NONE}
    for lines in b'{"id": 1}\n{"error": {"text": "timed out"}}\n', b'{"errors": ["timed out"]}\n':
        refusal(FakeApi(body(lines)), table, "is an error, not a record: .*timed out")
    records = b'{"id": 1, "error": null}\n{"id": 2, "error": "late"}\n'
    assert len(read(FakeApi(body(records)), table)[0]) == 2
    assert read(FakeApi(body(b'{"error": "late"}\n')), {**table, "message": "error"})[0] == ["late"]


def test_a_repeated_header_among_the_records_is_refused() -> None:
    twice = FORMATS["csv"](1, 3) + FORMATS["csv"](3, 5)
    refusal(FakeApi(body(twice)), {"format": "csv", "pagination": NONE}, "header .* comes again")


@pytest.mark.parametrize("charset", ["latin-1", "windows-1252", "utf-16", "UTF-8", "no-such-charset", "zlib"])
@pytest.mark.parametrize("form", PLAIN)
@pytest.mark.parametrize("pad", [0, 1_500_000])
def test_a_declared_charset_is_honoured(form: str, charset: str, pad: int) -> None:
    names = ["café", "naïve" + "é" * pad]
    text = {
        "json": json.dumps({"items": [{"id": name} for name in names]}, ensure_ascii=False),
        "ndjson": "".join(json.dumps({"id": name}, ensure_ascii=False) + "\n" for name in names),
        "csv": "id\n" + "".join(f"{name}\n" for name in names),
    }[form]
    body = text.encode("utf-8" if charset in ("no-such-charset", "zlib") else charset)

    def answer(request: web.Request) -> Any:
        return web.Response(body=body, headers={"Content-Type": f"text/plain; charset={charset}"})

    table = {"format": form, "pagination": NONE}
    assert read(FakeApi(answer), table)[0] == names
    if form == "csv" and charset == "latin-1":
        assert read(FakeApi(answer), {**table, "csv": {"encoding": "windows-1252"}})[0] == names


def test_bytes_that_the_declared_charset_does_not_have_are_refused() -> None:
    def answer(request: web.Request) -> Any:
        return web.Response(body=b'{"items": ["\x81"]}', headers={"Content-Type": "text/json; charset=cp1252"})

    refusal(FakeApi(answer), {"pagination": NONE}, "not cp1252")


@pytest.mark.parametrize("framed", [True, False])
@pytest.mark.parametrize("form", ["json", "large json", "ndjson"])
def test_a_body_that_stops_early_counts_as_cut_only_where_the_answer_does_not_say_that_it_is_whole(
    framed: bool, form: str
) -> None:
    many = 100_000 if form == "large json" else 1
    body = b'{"id": "x"}\n{"id": "y' if form == "ndjson" else b'{"items": [' + b'{"id": "x"},\n' * many
    requests = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        requests += 1
        await reader.readuntil(b"\r\n\r\n")
        length = b"Content-Length: %d\r\n" % len(body) if framed else b""
        writer.write(b"HTTP/1.1 200 OK\r\n" + length + b"Connection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    async def ask() -> str:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server, httpx.AsyncClient() as http:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            table: dict[str, Any] = {"format": form.split()[-1], "limits": {"unframed": True}, "pagination": NONE}
            client = SourceClient(source_at(url, **table), http, sleep=no_sleep)
            try:
                return type(await client.get(source_at(url, **table).base_request())).__name__
            except SourceRefused:
                return "refused"

    async def no_sleep(seconds: float) -> None: ...

    assert (asyncio.run(ask()), requests) == (("refused", 2) if framed else ("Throttled", 5))


def test_a_body_that_is_not_compressed_as_it_is_said_to_be_fails_after_one_more_attempt() -> None:
    def answer(request: web.Request) -> web.Response:
        return web.Response(body=b'{"items": [{"id": 1}]}', headers={"Content-Encoding": "gzip"})

    api = FakeApi(answer)
    refusal(api, {"pagination": NONE}, "not a page in the format json: the compressed body is damaged")
    assert len(api.asked) == 2
