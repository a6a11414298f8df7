"""Ten small rounds of `make chaos`: processes die, requests are spoilt, and every id arrives."""

from pathlib import Path

import pytest

from chaos.campaign import rounds
from chaos.verdict import problems

ROUNDS, IDS = 10, 300
SEED = "e"  # has each kind of strike, and none of them often: a start of devhost or Azurite takes seconds


@pytest.mark.timeout(240)
def test_ten_runs_under_fire_lose_nothing_and_repeat_no_more_than_their_harm_explains(tmp_path: Path) -> None:
    outcomes = list(rounds(SEED, range(1, ROUNDS + 1), ids=IDS, folder=tmp_path))
    assert [problems(outcome) for outcome in outcomes] == [[]] * ROUNDS
    harms = [outcome.harm for outcome in outcomes]
    assert sum(harm.kills for harm in harms) >= ROUNDS / 2, "devhost was hardly killed"
    assert sum(harm.restarts for harm in harms) >= 2, "storage was hardly lost"
    assert sum(harm.losses for harm in harms) >= 1, "no state file was lost"
    assert sum(harm.faults.total() for harm in harms) > 50, "hardly a request was spoilt"
