"""This release continues a run that an earlier release began, from any point.

Each file of `tests/app/golden/` is a run of that release. The test replays the present orchestrator over it: after
every episode it has to schedule the same tasks in the same order, and its end has to be the same.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from ingestion.run import run_state
from ingestion.wire import from_wire
from local.devhost.orchestration.replay import Replay, replay
from tests.app.golden import stage
from tests.app.golden.record import HERE, ending, issued, scenarios
from tests.app.rehearsal import INPUTS, ORCHESTRATE

FILES = sorted(HERE.glob("[0-9]*/*.json"))
BROKEN = "runs of that release that are in flight would break"


def named(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


def replayed(events: list[dict[str, Any]]) -> Replay:
    return replay(ORCHESTRATE, events)


@pytest.mark.parametrize("file", FILES, ids=named)
def test_a_run_of_an_earlier_release_is_replayed_as_it_was(file: Path) -> None:
    for generation in json.loads(file.read_text(encoding="utf-8")):
        for episode in generation["episodes"]:
            assert issued(replayed(generation["events"][: episode["events"]])) == episode["issued"], BROKEN


@pytest.mark.parametrize("file", FILES, ids=named)
def test_a_run_of_an_earlier_release_ends_as_it_ended(file: Path) -> None:
    for generation in json.loads(file.read_text(encoding="utf-8")):
        before, now = generation["end"], ending(replayed(generation["events"]))
        assert (now["waits"], now["error"]) == (before["waits"], before["error"]), BROKEN
        assert (now["output"] is None) == (before["output"] is None), BROKEN
        if before["output"] is not None:
            assert {key: now["output"].get(key) for key in before["output"]} == before["output"], BROKEN
        if before["next"] is not None:
            assert run_state.load(now["next"]) == run_state.load(before["next"]), BROKEN


@pytest.mark.parametrize("file", FILES, ids=named)
def test_what_an_earlier_release_has_asked_of_activities_can_be_read(file: Path) -> None:
    for generation in json.loads(file.read_text(encoding="utf-8")):
        for name, text in generation["calls"]:
            payload = json.loads(text)
            from_wire(INPUTS[name], json.loads(payload) if isinstance(payload, str) else payload)


def test_the_golden_histories_show_every_activity_and_every_end() -> None:
    generations = [one for file in FILES for one in json.loads(file.read_text(encoding="utf-8"))]
    assert {name for one in generations for name, _ in one["calls"]} == set(stage.ACTIVITIES) == set(INPUTS)
    outcomes = {one["end"]["output"]["outcome"] for one in generations if one["end"]["output"]}
    with_what = {f"completed_with_{what}" for what in ("failures", "rejects", "other_total")}
    assert outcomes == {"completed", "cancelled", *with_what}
    assert any(one["end"]["error"] for one in generations)


def test_the_scenarios_of_a_recording_can_still_be_played() -> None:
    names = [name for name, generations in scenarios() if generations[-1]["end"]["output"] or name == "refused"]
    assert {f"{name}.json" for name in names} >= {file.name for file in FILES}
