"""The rate and the time left of a run: the estimate uses what is known, and says what that is."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from clients import run_details
from clients.shapes import Progress
from ingestion.contracts import Change, Chunks, Run, RunState, Sums
from ingestion.recovery import CAUSE_LENGTH, RECOVERIES_AN_HOUR, Recovery
from ingestion.run import run_report
from ingestion.run.estimate import Paces, Point, estimate, rate_now, rate_overall
from ingestion.source_wait import REASON_CHARACTERS, Wait
from tests.app.kept import FRESH

START = datetime.fromisoformat(FRESH.started_at)


def point(seconds: float, done: int) -> Point:
    return Point(START + timedelta(seconds=seconds), done)


def under_way(**changed: Any) -> RunState:
    """Return a run 20 seconds after its start: fetched 300, sent 200, of a source with a total of 1,000."""
    state = replace(
        FRESH,
        batches=1,
        chunks=30,
        fetched=300,
        source_total=1_000,
        done=Sums(chunks=20, messages=200, enqueued=190, rejected=10),
        spooled=(Chunks("aa", "20-29"),),
        spooled_messages=100,
        counts_at=(START + timedelta(seconds=20)).isoformat(),
    )
    return replace(state, **changed)


def shown(state: RunState, status: str = "running", now: float | None = None, overall: float | None = 10.0) -> Any:
    return estimate(state, status, run_report.progress(state, status), now, overall)


def test_the_rate_now_is_that_of_the_last_half_minute_or_since_the_last_point_before_it() -> None:
    assert rate_now([]) is None
    assert rate_now([point(0, 0)]) is None
    assert rate_now([point(0, 0), point(0.5, 10)]) is None, "too short a time to say"
    assert rate_now([point(0, 0), point(10, 100)]) == 10
    assert rate_now([point(0, 0), point(100, 100), point(120, 300), point(130, 400)]) == 10
    assert rate_now([point(0, 0), point(100, 1_000)]) == 10, "a window may take longer"
    assert rate_now([point(0, 50), point(10, 50)]) == 0
    assert rate_overall(FRESH.started_at, point(20, 200)) == 10
    assert rate_overall(FRESH.started_at, point(20, 0)) is None
    assert rate_overall(FRESH.started_at, point(0, 5)) is None


def test_the_points_of_a_run_are_kept_in_order_and_of_few_runs() -> None:
    paces = Paces(most=2)
    a, b, c = (Run(name, "s") for name in "abc")
    assert paces.with_point(a, point(2, 20)) == [point(2, 20)]
    assert paces.with_point(a, point(1, 10)) == [point(2, 20)], "a look that came late"
    assert paces.with_point(a, point(3, 30)) == [point(2, 20), point(3, 30)]
    for run in (b, c):
        paces.with_point(run, point(1, 1))
    assert paces.with_point(a, point(4, 40)) == [point(4, 40)]


def test_the_time_left_is_what_is_left_of_the_total_at_the_present_rate_and_says_so() -> None:
    assert shown(under_way(), now=40.0) == {
        "seconds_left": 20.0,
        "total": 1_000,
        "rests_on": "40 messages a second lately, and the source's own total of 1,000",
    }
    slow = shown(under_way(), now=None)
    assert (slow["seconds_left"], "10 messages a second since the start" in slow["rests_on"]) == (80.0, True)
    read = under_way(source_exhausted=True)
    assert shown(read, now=10.0)["seconds_left"] == 10
    assert "the 300 messages that the source had" in shown(read, now=10.0)["rests_on"]


def test_a_run_that_sends_nothing_lately_has_no_estimate() -> None:
    assert shown(under_way(), now=0.0)["seconds_left"] is None


def test_items_that_the_run_leaves_out_are_no_part_of_its_total() -> None:
    assert shown(under_way(known=300, outside=100))["total"] == 600


def test_the_estimate_includes_a_wait_and_says_so() -> None:
    until = (START + timedelta(seconds=620)).isoformat()
    wait = Wait(waiting_for="source", reason="HTTP 429", seconds=600)
    found = shown(under_way(wait=wait, wait_until=until), "waiting")
    assert found["seconds_left"] == 680
    assert "it waits until 00:10:20 UTC" in found["rests_on"]


@pytest.mark.parametrize("status", ["running", "waiting"])
def test_a_run_whose_source_is_away_and_that_has_nothing_to_send_has_no_estimate(status: str) -> None:
    wait = Wait(waiting_for="outage", reason="no answer in 10 seconds", seconds=30, attempts=5)
    state = under_way(wait=wait, wait_until=(START + timedelta(seconds=50)).isoformat())
    sent = replace(state, done=Sums(chunks=30, messages=300, enqueued=300), spooled=(), spooled_messages=0)
    assert shown(sent, status, now=20.0) == {
        "seconds_left": None, "total": 1_000, "rests_on": "no estimate: the source is not available",
    }  # fmt: skip
    assert shown(state, status, now=20.0)["seconds_left"] is not None, "it still sends what it has"


def test_a_run_whose_source_is_away_has_no_present_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    state = under_way(run=Run("away", "start"))
    monkeypatch.setattr(run_details, "PACES", paces := Paces())
    paces.with_point(state.run, point(5, 100))
    progress = run_report.progress(state) | {"pending": 0, "waiting_for": "outage"}
    run = {"progress": progress, "status": "running", "report": None}
    assert run_details._pace(run, state)["rate"]["now"] is None
    assert run_details._pace(run | {"progress": progress | {"pending": 100}}, state)["rate"]["now"] is not None


@pytest.mark.parametrize("seconds", [10, 50])
def test_the_estimate_of_a_run_that_fetches_again_names_no_wait_that_is_over(seconds: float) -> None:
    wait = Wait(waiting_for="source", reason="HTTP 429", seconds=30)
    state = under_way(wait=wait, wait_until=(START + timedelta(seconds=seconds)).isoformat())
    state = replace(state, done=Sums(chunks=30, messages=300, enqueued=300), spooled=(), spooled_messages=0)
    found = shown(state, now=20.0)
    assert (found["seconds_left"], "it waits" in found["rests_on"]) == (35, False)


BEGUN = {"fetched": 0, "done": Sums(), "spooled": (), "spooled_messages": 0}


@pytest.mark.parametrize(
    ("changed", "status", "overall", "why"),
    [
        ({"source_total": None}, "running", 10.0, "does not say how many"),
        ({"source_total": 250}, "running", 10.0, "does not say how many"),
        (
            {"fetched": 0, "done": Sums(), "spooled": (), "spooled_messages": 0},
            "running",
            None,
            "nothing is sent yet",
        ),
        (
            {**BEGUN, "source_total": None, "batches": 0},
            "running",
            None,
            "no estimate: the first batch is still being fetched",
        ),
        ({}, "paused", 10.0, "paused"),
        ({}, "held", 10.0, "held until a person"),
        ({}, "suspended", 10.0, "suspended"),
        ({}, "cancelling", 10.0, "cancelled"),
        ({}, "lost", 10.0, "keeper"),
        ({}, "failed", 10.0, "has ended"),
    ],
)
def test_without_an_estimate_it_says_why(changed: Any, status: str, overall: float | None, why: str) -> None:
    found = shown(under_way(**changed), status, overall=overall)
    assert found["seconds_left"] is None
    assert why in found["rests_on"]


def test_the_status_in_the_portal_is_small_and_has_the_words_of_the_http_api() -> None:
    recoveries = tuple(Recovery(at=FRESH.started_at, cause="x" * CAUSE_LENGTH) for _ in range(RECOVERIES_AN_HOUR))
    wait = Wait(waiting_for="outage", reason="y" * REASON_CHARACTERS, seconds=600, attempts=10)
    change = Change(to="9f8e3c0a51b27d64", what="z" * 140)
    state = under_way(wait=wait, wait_until=FRESH.started_at, recoveries=recoveries, change=change)
    shown = run_report.progress(state, "waiting")
    assert len(json.dumps(shown)) < 1_500
    assert shown.keys() <= Progress.model_fields.keys()


def test_a_run_that_stands_still_does_not_say_that_nothing_was_sent_yet() -> None:
    found = shown(under_way(), now=0.0)
    assert (found["seconds_left"], "no message reached the queue lately" in found["rests_on"]) == (None, True)
