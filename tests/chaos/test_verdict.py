"""The verdict of a round finds every kind of failure."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from ingestion.recovery import RECOVERIES_AN_HOUR
from local.chaos.ambush import Victim
from local.chaos.bound import CHECKPOINT_MESSAGES, CRASHES, duplicates_at_most
from local.chaos.fault import Fault
from local.chaos.plan import make_plan
from local.chaos.round import Outcome
from local.chaos.verdict import problems, summary
from local.demo.readback import Comparison

PLAN = replace(make_plan("1", 1, 100), chunk_size=50)
HARM, FAULTS = Counter(kills=1, lost_answers=3), Counter({Fault.LOST: 3, Fault.BUSY: 2})
REPORT = {"fetched": 100, "enqueued": 100, "rejected": 0, "failed": 0, "possible_duplicates": 9}
FOUND = Comparison(served=100, enqueued=107, unique=100, lost=0, duplicates=7, foreign=0)


def outcome(found: Comparison = FOUND, status: str = "completed", **report: int) -> Outcome:
    said: dict[str, Any] = {"status": status, "error": None, "report": REPORT | report, "progress": None}
    return Outcome(plan=PLAN, harm=HARM, faults=FAULTS, bound=10, status=said, found=found, seconds=1.0)


def test_a_round_in_which_all_went_well_has_no_problems() -> None:
    assert problems(outcome()) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (outcome(replace(FOUND, lost=1)), "lost=1"),
        (outcome(replace(FOUND, foreign=2)), "foreign=2"),
        (outcome(replace(FOUND, duplicates=11)), "duplicates=11"),
        (outcome(replace(FOUND, enqueued=99)), "the queue holds 99"),
        (outcome(possible_duplicates=6), "possible_duplicates=6"),
        (outcome(status="failed"), "ended as failed"),
        (outcome(enqueued=99), "do not add up"),
        (outcome(fetched=90, enqueued=90), "fetched=90 of 100"),
    ],
)
def test_each_broken_promise_is_a_problem(wrong: Outcome, said: str) -> None:
    assert any(said in problem for problem in problems(wrong)), problems(wrong)


def test_the_bound_counts_what_was_in_flight_at_each_crash_and_each_answer_that_was_lost() -> None:
    two_chunks = 2 * CHECKPOINT_MESSAGES
    assert duplicates_at_most(PLAN, HARM, FAULTS) == two_chunks + 3
    everything = Counter(CRASHES) + Counter(losses=1, lost_answers=3)
    assert duplicates_at_most(PLAN, everything, FAULTS) == two_chunks * 5 + 3
    repeated = Counter({Fault.REPEATED: 4})
    assert duplicates_at_most(PLAN, HARM, repeated) == 3 * CHECKPOINT_MESSAGES + 3 + 4, "they make a third chunk"


def test_the_last_line_adds_up_the_rounds() -> None:
    assert summary([outcome(), outcome()]) == (
        "CHAOS OK rounds=2 kills=2 exits_in_turns=0 exits_in_activities=0 timeouts=0 restarts=0 "
        "faults=10 ids=200 lost=0 duplicates=14 bound=20"
    )


def test_each_round_has_an_exit_of_its_worker_half_of_them_in_a_turn_and_no_more_strikes_than_recoveries() -> None:
    plans = [make_plan("a", number, 1_000) for number in range(1, 101)]
    victims = [[strike.victim for strike in plan.strikes] for plan in plans]
    assert sum(Victim.TURN in struck for struck in victims) == 50
    assert sum(Victim.WORKER in struck for struck in victims) == 50
    assert max(map(len, victims)) == RECOVERIES_AN_HOUR
    assert {victim for struck in victims for victim in struck} == set(Victim)


def test_a_plan_is_the_same_whenever_it_is_made_and_another_in_another_round() -> None:
    assert make_plan("a", 1, 1_000) == make_plan("a", 1, 1_000)
    assert make_plan("a", 1, 1_000) != make_plan("a", 2, 1_000)
