"""A source that is away is waited for, a while, before its first page as after any other; what never can work fails."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from ingestion.errors import SourceUnreachable
from tests.sources.one_page import app_of, cut_off
from tests.sources.reader import Reading, reading

PAGED = {"pagination": {"style": "page_number", "end": {"total": True}}, "total": "total"}
IDS = list(range(50))


class Absent:
    """Five pages of 10 ids. Page `number` fails until `back_at` seconds of the run have passed; all others come."""

    def __init__(self, back_at: float, number: int = 3, how: str = "503") -> None:
        self.back_at, self.number, self.how = back_at, number, how
        self.going: Reading | None = None
        self.refused = 0

    async def page(self, request: web.Request) -> web.Response:
        assert self.going is not None
        number = int(request.query["page"])
        start = (number - 1) * 10
        if number == self.number and self.going.seconds < self.back_at:
            self.refused += 1
            if self.how == "closed":
                assert request.transport is not None
                request.transport.abort()
            return web.json_response({}, status=int(self.how) if self.how.isdigit() else 200)
        return web.json_response({"items": [{"id": one} for one in range(start, start + 10)], "total": 50})

    def read(self, max_messages: int = 20, **table: Any) -> list[Any]:
        async def run() -> list[Any]:
            async with reading(app_of(self.page), "/", {**PAGED, **table}, max_messages=max_messages) as self.going:
                return await self.going.all()

        return asyncio.run(run())


@pytest.mark.parametrize("how", ["500", "502", "503", "408", "closed"])
@pytest.mark.parametrize("parallel", [1, 4])
def test_a_source_that_goes_away_for_minutes_is_waited_for_by_timers(how: str, parallel: int) -> None:
    absent = Absent(back_at=180, how=how)
    assert absent.read(parallel_fetches=parallel) == IDS
    assert absent.going is not None
    waits = [batch.wait_seconds for batch in absent.going.batches if batch.wait_seconds]
    assert sum(waits) >= 150, "nearly all of it costs nothing"
    assert len(waits) <= 5, "and the longer it lasts the longer it is left alone"
    wait = next(batch.wait for batch in absent.going.batches if batch.wait)
    assert (wait.waiting_for, wait.attempts) == ("outage", 5)
    assert wait.away_seconds + wait.patience_seconds == pytest.approx(900, abs=0.01)
    assert all(wait <= 5 for wait in set(absent.going.waits) - set(waits)), "no activity sleeps for long"


@pytest.mark.parametrize("parallel", [1, 4])
@pytest.mark.parametrize("max_messages", [10, 20, 1000])
def test_a_source_that_stays_away_ends_the_run_and_says_what_to_do(parallel: int, max_messages: int) -> None:
    absent = Absent(back_at=100_000)
    message = (
        r"has given no page for \d+ seconds, in \d+ attempts; it may be away for 300 .* At last: HTTP 503\. "
        r"Check the url .* API is up, then redrive the run\.$"
    )
    with pytest.raises(SourceUnreachable, match=message):
        absent.read(max_messages, attempts=2, outage_seconds=300, parallel_fetches=parallel)
    assert absent.going is not None
    assert [message for batch in absent.going.batches for message in absent.going.messages(batch)] == IDS[:20]
    assert 299 <= absent.going.seconds < 330


@pytest.mark.parametrize("how", ["500", "503", "408", "closed"])
def test_a_source_that_is_away_when_a_run_starts_is_waited_for_like_any_other(how: str) -> None:
    absent = Absent(back_at=600, number=1, how=how)
    assert absent.read() == IDS
    assert absent.going is not None
    assert [batch.count for batch in absent.going.batches][:2] == [0, 0], "it was waited for by timers"


def test_a_source_that_never_comes_ends_the_run_when_the_patience_is_spent() -> None:
    absent = Absent(back_at=100_000, number=1)
    with pytest.raises(SourceUnreachable, match=r"no page for 9\d\d seconds, in \d+ attempts; it may be away for 900 "):
        absent.read()
    assert absent.going is not None
    assert 899 <= absent.going.seconds < 920


def test_each_page_that_comes_gives_the_source_its_time_again() -> None:
    absent = Absent(back_at=100)

    async def page(request: web.Request) -> web.Response:
        answer = await Absent.page(absent, request)
        if answer.status == 200 and absent.number == 3 and request.query["page"] == "3":
            assert absent.going is not None
            absent.number, absent.back_at = 4, absent.going.seconds + 100
        return answer

    absent.page = page  # type: ignore[method-assign]
    assert absent.read(outage_seconds=120) == IDS


def test_without_a_time_to_be_away_the_attempts_decide() -> None:
    with pytest.raises(SourceUnreachable, match=r"in 3 attempts; .* At last: HTTP 503"):
        Absent(back_at=100).read(attempts=3, outage_seconds=0)


def test_items_of_an_answer_that_is_cut_off_before_the_source_goes_away_come_once() -> None:
    lines = b"".join(b'{"id": %d}\n' % one for one in range(30))
    answers = iter(["all", "cut", "cut", "all", "all"])

    async def page(request: web.Request) -> web.StreamResponse:
        how = next(answers)
        if request.query["page"] == "1":
            return web.Response(body=lines[: lines.index(b'{"id": 10}')])
        if request.query["page"] == "3":
            return web.Response(body=b"")
        body = lines[lines.index(b'{"id": 10}') :] + b'{"id": "x"}\n' * 20_000
        return web.Response(body=body) if how == "all" else await cut_off(request, body)

    async def run() -> list[Any]:
        table = {"format": "ndjson", "items": "", "attempts": 2, "pagination": {"style": "page_number"}}
        async with reading(app_of(page), "/", table, max_messages=100_000, chunk_size=1000) as going:
            return await going.all()

    messages = asyncio.run(run())
    assert messages[:30] == list(range(30))
    assert len(messages) == 20_030
