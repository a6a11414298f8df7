"""However many people watch a run, a worker answers twice a second; a command that it received shows at once."""

import asyncio
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest

from clients.control_run import pause_run
from clients.get_run import get_run
from clients.kept_answer import KeptAnswers
from ingestion import clock
from ingestion.storage import checkpoint
from tests.app.kept import Kept, at_work

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class SetClock:
    """A clock for the app that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = BEGAN
        monkeypatch.setattr(clock, "now", lambda: self.now)

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    return SetClock(monkeypatch)


async def asked(kept: Kept, run_id: str = "run", **headers: str) -> func.HttpResponse:
    """Return the answer about a run."""
    call = get_run._function.get_user_function().client_function
    request = func.HttpRequest("GET", f"/api/runs/{run_id}", route_params={"run_id": run_id}, headers=headers, body=b"")
    answer: func.HttpResponse = await call(req=request, client=kept.engine)
    return answer


async def run_of(kept: Kept, run_id: str = "run") -> Any:
    return json.loads((await asked(kept, run_id)).get_body())


async def test_a_worker_looks_at_the_checkpoints_of_a_run_at_most_once_a_second(
    kept: Kept, time: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, look = list[datetime](), checkpoint.read_counts

    async def counted(*run: Any) -> Any:
        looks.append(time.now)
        return await look(*run)

    monkeypatch.setattr("clients.progress.read_counts", counted)
    await kept.begun()
    kept.engine.has("Running", **at_work())
    for _ in range(100):
        assert {one.status_code for one in await asyncio.gather(*(asked(kept) for _ in range(3)))} == {200}
        time.passes(0.07)
    assert len(looks) == 7, "in seven seconds"
    assert min(later - sooner for sooner, later in itertools.pairwise(looks)) >= timedelta(seconds=1)


async def test_a_caller_within_half_a_second_costs_neither_storage_nor_durable_functions_a_request(
    kept: Kept, time: SetClock
) -> None:
    await kept.begun()
    kept.engine.has("Running", **at_work())
    first = await run_of(kept)
    requests, instances = kept.connection.requests, len(kept.engine.asked)
    time.passes(0.4)
    assert await run_of(kept) == first
    assert (kept.connection.requests, len(kept.engine.asked)) == (requests, instances)


async def test_a_command_that_was_given_here_shows_at_once(kept: Kept, time: SetClock) -> None:
    await kept.begun()
    kept.engine.has("Running", **at_work())
    assert (await run_of(kept))["status"] == "running"
    assert await kept.ask(pause_run) == 202
    assert (await run_of(kept))["status"] == "pausing"


async def test_a_run_that_was_not_there_is_found_as_soon_as_it_is(kept: Kept, time: SetClock) -> None:
    assert (await asked(kept, "new")).status_code == 404
    await kept.begun("new")
    kept.engine.has("Running", "new", **at_work("new"))
    assert (await run_of(kept, "new"))["run_id"] == "new"


async def test_a_clock_that_is_put_back_keeps_no_answer_for_longer(kept: Kept, time: SetClock) -> None:
    await kept.begun()
    kept.engine.has("Running", **at_work())
    await run_of(kept)
    kept.engine.has("Terminated", output="ended")
    time.passes(-3600)
    assert (await run_of(kept))["status"] == "terminated"


async def test_callers_that_wait_for_a_long_look_share_the_next_one(time: SetClock) -> None:
    answers, looks = KeptAnswers(), 0

    async def look() -> func.HttpResponse:
        nonlocal looks
        looks += 1
        time.passes(3)
        await asyncio.sleep(0.01)
        return func.HttpResponse(str(looks))

    found = await asyncio.gather(*(answers.get("run", look) for _ in range(50)))
    assert [one.get_body() for one in found] == [b"1"] + [b"2"] * 49, "the first was begun before the others asked"
    assert (await answers.get("run", look)).get_body() == b"3"
