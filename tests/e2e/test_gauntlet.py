"""No misbehaving server makes a run lose or double an item without an error."""

from pathlib import Path

from local.benchmarks.gauntlet.situation import SITUATIONS
from local.benchmarks.scenarios import gauntlet


def test_gauntlet_has_a_server_for_each_kind_of_silent_loss() -> None:
    assert {situation.number for situation in SITUATIONS} == set(range(14))
    assert len({situation.name for situation in SITUATIONS}) == len(SITUATIONS) >= 24


def test_each_misbehaving_server_is_read_exactly_or_refused_with_the_cause(tmp_path: Path) -> None:
    rows = [figures for _, figures in gauntlet.measure(40, 0, tmp_path)]
    assert len(rows) == len(SITUATIONS)
    assert gauntlet.bad(rows) == []
