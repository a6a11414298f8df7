"""1,500 random orchestrators: what devhost makes of them beside the SDK alone, and when it dies before each commit."""

import asyncio
import json
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.devhost.fuzz_program import FREE, Part, Program, Step, draw
from tests.devhost.fuzz_world import NESTED, PARTED, Ending, World

PROGRAMS = 1_500
AT_ONCE = 125
pytestmark = pytest.mark.timeout(600)  # a minute of two cores, but others may want them too


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """The endings of the same programs, by instance id; `deaths` counts the processes that died in the last of them."""

    sdk_alone: dict[str, Ending]
    devhost: dict[str, Ending]
    interrupted: dict[str, Ending]
    deaths: int


def is_drained(seed: int) -> bool:
    return seed % 3 == 0


def run_programs(first: int) -> Runs:
    plans = {f"p{seed}": make_plan(seed) for seed in range(first, first + AT_ONCE)}
    endings = []
    with tempfile.TemporaryDirectory() as folder:
        for number, modes in enumerate(({"sdk_alone": True}, {}, {"dies": True})):
            world = World(Path(folder) / f"{number}.db", **modes)
            endings.append(asyncio.run(world.run(plans)))
    return Runs(sdk_alone=endings[0], devhost=endings[1], interrupted=endings[2], deaths=world.deaths)


def make_plan(seed: int) -> dict[str, Any]:
    return {"seed": seed, "place": "0", "is_drained": is_drained(seed), "generation": 0, "results": [], "failures": 0}


@pytest.fixture(scope="module")
def runs() -> Runs:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        parts = list(pool.map(run_programs, range(0, PROGRAMS, AT_ONCE)))
    return Runs(
        sdk_alone={name: ending for part in parts for name, ending in part.sdk_alone.items()},
        devhost={name: ending for part in parts for name, ending in part.devhost.items()},
        interrupted={name: ending for part in parts for name, ending in part.interrupted.items()},
        deaths=sum(part.deaths for part in parts),
    )


def test_with_the_sdk_alone_no_ids_part(runs: Runs) -> None:
    assert len(runs.sdk_alone) == PROGRAMS
    assert {ending.broken_by for ending in runs.sdk_alone.values()} <= {None, NESTED}
    assert {ending.status for ending in runs.sdk_alone.values()} == {"Completed", "Failed"}


def test_each_ends_as_with_the_sdk_alone_or_is_reported(runs: Runs) -> None:
    for name, ending in runs.devhost.items():
        if NESTED not in (ending.broken_by, runs.sdk_alone[name].broken_by):
            assert ending.broken_by in (None, PARTED)
            assert ending == runs.sdk_alone[name] or ending.broken_by, name


def test_programs_of_drained_task_all_are_never_reported(runs: Runs) -> None:
    drained = [runs.devhost[f"p{seed}"] for seed in range(PROGRAMS) if is_drained(seed)]
    assert {ending.broken_by for ending in drained} == {None}


def test_each_program_survives_a_death_before_any_of_its_commits(runs: Runs) -> None:
    assert runs.interrupted == runs.devhost
    assert runs.deaths > 1_000


def test_the_programs_are_worth_running(runs: Runs) -> None:
    ways = Counter(step.way for seed in range(PROGRAMS) for step in all_steps(seed))
    kinds = Counter(part.kind for seed in range(PROGRAMS) for step in all_steps(seed) for part in step.parts)
    endings = Counter((ending.status, ending.broken_by) for ending in runs.devhost.values())
    assert set(ways) == set(FREE)
    assert min(ways.values()) > 100
    assert min(kinds[kind] for kind in ("activity", "child", "timer", "event", "all", "any")) > 50
    assert min(endings["Completed", None], endings["Failed", None], endings["Failed", PARTED]) > 30


def all_steps(seed: int) -> Iterator[Step]:
    places = ["0"]
    while places:
        for generation in draw(seed, places.pop(), is_drained(seed)).generations:
            for step in generation:
                yield step
                places += [part.label for part in walk(step.parts) if part.kind == "child"]


def walk(parts: tuple[Part, ...]) -> Iterator[Part]:
    for part in parts:
        yield part
        yield from walk(part.parts)


@pytest.mark.parametrize(
    ("sdk_alone", "in_flight"), [(True, [4, 4, 4, 4, 4, 4, 3, 2, 1]), (False, [4, 4, 3, 2, 1, 1, 1, 1, 1])]
)
def test_a_task_any_window_keeps_its_width_only_with_the_sdk_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sdk_alone: bool, in_flight: list[int]
) -> None:
    parts = [Part(kind="activity", label=str(number), seconds=min(number + 1, 4)) for number in range(9)]
    program = Program(generations=((Step(way="window", parts=tuple(parts)),),))
    monkeypatch.setattr("tests.devhost.fuzz_program.draw", lambda *place: program)
    world = World(tmp_path / "state.db", sdk_alone=sdk_alone)
    endings = asyncio.run(world.run({"window": make_plan(0)}))
    assert json.loads(str(endings["window"].output)) == [[str(n) for n in range(9)]]
    assert world.most_parked == in_flight
    assert sum("A window kept full with task_any loses its concurrency" in line for line in world.lines) == (
        not sdk_alone
    )
