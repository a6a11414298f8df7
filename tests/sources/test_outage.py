"""A run waits for a source that is not available, for a limited time, at every page; a permanent error fails it."""

from typing import Any

import pytest
from aiohttp import web

from tests.sources.fake_api import Pages, hang_up
from tests.sources.reader import Reading, read, refusal

PAGED = {"pagination": {"style": "page_number", "end": {"total": True}}, "total": "total"}
IDS = list(range(1, 51))


def absent(back_at: float, start: int = 20, how: int = 503) -> Pages:
    """Five pages of 10 ids; those after `start` ids fail until `back_at` seconds of the run have passed."""

    def instead(request: web.Request, at: int) -> int | None:
        if at < start or api.now() >= back_at:
            return None
        if how == 0:
            hang_up(request)
        return how

    api = Pages(instead=instead)
    return api


def outages(run: Reading) -> list[float]:
    return [batch.wait_seconds for batch in run.batches if batch.wait_seconds]


@pytest.mark.parametrize("how", [500, 502, 503, 408, 0])
@pytest.mark.parametrize("parallel", [1, 4])
def test_a_source_that_goes_away_for_minutes_is_waited_for_by_timers(how: int, parallel: int) -> None:
    messages, run = read(absent(180, how=how), {**PAGED, "parallel_fetches": parallel})
    assert messages == IDS
    assert sum(outages(run)) >= 150, "nearly all of it costs nothing"
    assert len(outages(run)) <= 5, "and the longer it lasts the longer it is left alone"
    wait = next(batch.wait for batch in run.batches if batch.wait)
    assert not wait.reason.endswith("."), "the reason stands inside a sentence"
    assert (wait.waiting_for, wait.attempts) == ("outage", 5)
    assert wait.away_seconds + wait.patience_seconds == pytest.approx(900, abs=0.01)
    assert all(wait <= 5 for wait in set(run.waits) - set(outages(run))), "no activity sleeps for long"


@pytest.mark.parametrize("parallel", [1, 4])
@pytest.mark.parametrize("max_messages", [10, 20, 1000])
@pytest.mark.parametrize(("start", "seconds"), [(0, 900), (20, 300)])
def test_a_source_that_stays_away_ends_the_run_and_says_what_to_do(
    start: int, seconds: int, parallel: int, max_messages: int
) -> None:
    table = {**PAGED, "attempts": 2, "outage_seconds": seconds, "parallel_fetches": parallel}
    said = rf"no page for \d+ seconds, in \d+ attempts; .* away for {seconds} "
    message, run = refusal(absent(100_000, start), table, said, max_messages=max_messages)
    assert message.endswith(
        "At last: HTTP 503. Check the url in the sources file and that the API is up, then redrive the run."
    )
    assert run.taken == IDS[:start]
    assert seconds - 1 <= run.seconds < seconds + 30


@pytest.mark.parametrize("how", [500, 503, 408, 0])
def test_a_source_that_is_away_when_a_run_starts_is_waited_for_like_any_other(how: int) -> None:
    messages, run = read(absent(600, start=0, how=how), PAGED)
    assert messages == IDS
    assert [batch.count for batch in run.batches][:2] == [0, 0], "it was waited for by timers"


def test_each_page_that_comes_gives_the_source_its_time_again() -> None:
    gone: dict[int, float] = {}

    def instead(request: web.Request, start: int) -> Any:
        back_at = gone.setdefault(start, api.now() + 100) if start in (20, 30) else 0
        return 503 if api.now() < back_at else None

    api = Pages(instead=instead)
    assert read(api, {**PAGED, "outage_seconds": 120})[0] == IDS


def test_without_a_time_to_be_away_the_attempts_decide() -> None:
    message, _ = refusal(absent(100), {**PAGED, "attempts": 3, "outage_seconds": 0})
    assert "in 3 attempts; " in message
    assert " At last: HTTP 503" in message
