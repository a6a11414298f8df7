"""A pause or a cancel shows in the status within two seconds of real time, whatever the run is doing."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.demo.run_client import RunClient
from local.demo.settings import ApiSettings
from local.demo.stack import Stack
from tests.e2e.conftest import MakeStack

LARGE, SMALL = 6_000, 400  # messages of a chunk
PROMPT_SECONDS = 2.0
STOP_SECONDS = 8.0  # with other tests running; 0.1 to 0.4 on a quiet machine
PATIENCE_SECONDS = 120.0
SLOW = ApiSettings(ids=1_000, latency_ms=5_000)


class Going:
    """A run on a stack."""

    def __init__(self, stack: Stack, client: RunClient, **body: object) -> None:
        self.stack, self.client = stack, client
        self.run_id = client.start(source="demo", **body)

    def until(self, is_there: Callable[[dict[str, Any]], bool]) -> tuple[dict[str, Any], float]:
        """Wait for a status; return it, and the seconds that took."""
        began = time.monotonic()
        while not is_there(shown := self.client.status(self.run_id)):
            assert time.monotonic() < began + PATIENCE_SECONDS, shown
            time.sleep(0.05)
        return shown, time.monotonic() - began

    def after(self, command: str, *statuses: str) -> tuple[dict[str, Any], float]:
        """Wait until the run has one of these statuses; return it, and the seconds since the command."""
        self.client._ask("POST", f"/runs/{self.run_id}/{command}")
        return self.until(lambda shown: shown["status"] in statuses)


@pytest.fixture(params=["large chunks under way", "a slow source"])
def going(request: pytest.FixtureRequest, make_stack: MakeStack) -> Iterator[Going]:
    """A run in the middle of a long window, or of a slow page."""
    is_slow = request.param == "a slow source"
    api, size = (SLOW, SMALL) if is_slow else (ApiSettings(ids=5 * LARGE), LARGE)
    with make_stack(api) as stack, RunClient(stack.devhost.url) as client:
        run = Going(stack, client, chunk_size=size)
        if is_slow:
            run.until(lambda shown: bool(shown["status"] == "running"))
            time.sleep(1.5)  # so that the page is on its way
        else:
            run.until(lambda shown: bool(shown["progress"]["enqueued"] > LARGE / 2))
        yield run


def test_a_pause_shows_within_two_seconds_and_a_resume_loses_and_repeats_nothing(going: Going) -> None:
    _, seconds = going.after("pause", "pausing", "paused")
    assert seconds < PROMPT_SECONDS
    shown, seconds = going.until(lambda shown: bool(shown["status"] == "paused"))
    assert seconds < STOP_SECONDS
    progress = shown["progress"]
    assert progress["fetched"] == progress["enqueued"] + progress["pending"]
    time.sleep(1.0)
    assert going.client.status(going.run_id)["progress"]["enqueued"] == progress["enqueued"], "nothing is under way"

    shown, _ = going.after("resume", "completed")
    assert shown["report"]["possible_duplicates"] == 0
    found = going.stack.read_back()
    assert (found.lost, found.duplicates, found.enqueued) == (0, 0, found.served)


def test_a_cancel_shows_within_two_seconds_and_its_report_is_exact(going: Going) -> None:
    _, seconds = going.after("cancel", "cancelling", "ending", "cancelled")
    assert seconds < PROMPT_SECONDS
    shown, seconds = going.until(lambda shown: bool(shown["status"] == "cancelled"))
    assert seconds < STOP_SECONDS
    report = shown["report"]
    assert report["fetched"] == report["enqueued"] + report["pending"]
    assert going.stack.read_back().enqueued == report["enqueued"]


def test_a_pause_shows_within_two_seconds_where_it_waits_behind_the_chunks_of_another_run(
    make_stack: MakeStack,
) -> None:
    with make_stack(ApiSettings(ids=5 * LARGE)) as stack, RunClient(stack.devhost.url) as client:
        runs = [Going(stack, client, chunk_size=LARGE) for _ in range(2)]
        runs[0].until(lambda shown: bool(shown["progress"]["enqueued"] > 0))
        for run in runs:
            _, seconds = run.after("pause", "pausing", "paused")
            assert seconds < PROMPT_SECONDS
        for run in runs:
            run.until(lambda shown: bool(shown["status"] == "paused"))
