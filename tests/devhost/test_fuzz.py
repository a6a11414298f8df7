"""1,500 random orchestrators give the same results on devhost as with the SDK alone, also if it dies before commits."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.devhost.fuzz_program import DRAINED, FREE, Json, draw
from tests.devhost.fuzz_world import NESTED, PARTED, World

PROGRAMS, AT_ONCE = 1_500, 125
MODES: tuple[dict[str, bool], ...] = ({"sdk_alone": True}, {}, {"dies": True})


@pytest.mark.timeout(600)  # it takes a minute, longer on a busy machine
def test_each_program_ends_as_with_the_sdk_alone_or_is_reported_and_survives_a_death_before_any_of_its_commits(
    tmp_path: Path,
) -> None:
    seen = Counter[object]()
    for first in range(0, PROGRAMS, AT_ONCE):
        ways = {f"p{seed}": FREE if seed % 3 else DRAINED for seed in range(first, first + AT_ONCE)}
        programs = {name: draw(Random(name), ways[name]) for name in ways}
        worlds = [World(tmp_path / f"{first}-{number}.db", **mode) for number, mode in enumerate(MODES)]
        alone, plain, dying = (asyncio.run(world.run(programs)) for world in worlds)
        for name, ending in plain.items():
            assert alone[name].status in ("Completed", "Failed"), name
            assert alone[name].broken_by in (None, NESTED), f"with the SDK alone the ids of {name} part"
            if NESTED not in (alone[name].broken_by, ending.broken_by):
                assert ending.broken_by in (None, PARTED), name
                assert ending == alone[name] or ending.broken_by, f"{name} ends in another way, and nothing is said"
            if ways[name] == DRAINED:
                assert ending.broken_by is None, f"{name} is made of drained task_all and is reported"
            seen.update(((ending.status, ending.broken_by), *kinds_in(programs[name]["generations"])))
        assert dying == plain
        seen["deaths"] += worlds[-1].deaths
    # Check that the programs were varied enough.
    assert min(seen[way] for way in FREE) > 100
    assert min(seen[kind] for kind in ("activity", "child", "timer", "event", "all", "any")) > 50
    assert min(seen["Completed", None], seen["Failed", None], seen["Failed", PARTED]) > 30
    assert seen["deaths"] > 1_000


def kinds_in(generations: list[list[Json]]) -> Iterator[str]:
    for step in (step for steps in generations for step in steps):
        yield step["way"]
        parts = [*step["parts"]]
        while parts:
            part = parts.pop()
            yield part["kind"]
            yield from kinds_in(part.get("generations", []))
            parts += part.get("parts", [])


@pytest.mark.parametrize(
    ("sdk_alone", "in_flight"), [(True, [4, 4, 4, 4, 4, 4, 3, 2, 1]), (False, [4, 4, 3, 2, 1, 1, 1, 1, 1])]
)
def test_a_task_any_window_keeps_its_width_only_with_the_sdk_alone(
    tmp_path: Path, sdk_alone: bool, in_flight: list[int]
) -> None:
    part = {"kind": "activity", "failures": 0, "attempts": 0}
    parts = [{**part, "seconds": min(number + 1, 4)} for number in range(9)]
    world = World(tmp_path / "state.db", sdk_alone=sdk_alone)
    endings = asyncio.run(world.run({"window": {"generations": [[{"way": "window", "parts": parts}]]}}))
    assert len(json.loads(str(endings["window"].output))[0]) == 9
    assert world.most_parked == in_flight
    assert sum("A window kept full with task_any loses its concurrency" in line for line in world.lines) == (
        not sdk_alone
    )
