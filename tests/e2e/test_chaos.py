"""Ten small rounds of `make chaos`: processes die, requests fail, and every id arrives without help."""

from collections import Counter
from pathlib import Path

import pytest

from local.chaos.round import rounds
from local.chaos.verdict import problems

# Each kind of strike, and three exits of the worker while activities run: those are retried after 15 s.
SEED, NUMBERS, IDS = "ex", (1, 2, 3, 4, 5, 6, 7, 9, 11, 13), 300
AT_LEAST = {
    "kills": 3,
    "exits_in_turns": 5,
    "exits_in_activities": 2,
    "timeouts": 1,
    "restarts": 1,
    "losses": 1,
    "faults": 50,
}


@pytest.mark.timeout(600)  # about two minutes, longer on a busy machine
def test_ten_runs_under_fire_complete_by_themselves_and_repeat_no_more_than_their_harm_explains(
    tmp_path: Path,
) -> None:
    outcomes = list(rounds(SEED, NUMBERS, ids=IDS, folder=tmp_path))
    assert [problems(outcome) for outcome in outcomes] == [[]] * len(NUMBERS)
    suffered = Counter[str]()
    for outcome in outcomes:
        suffered += outcome.harm + Counter(faults=outcome.faults.total())
    assert all(suffered[name] >= number for name, number in AT_LEAST.items()), suffered
