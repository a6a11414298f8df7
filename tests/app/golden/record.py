"""Record golden histories: `python -m tests.app.golden.record RELEASE`.

Input: scenarios for the present orchestrator on devhost, in virtual time. Output: one file per scenario with all its
generations: their events, the orchestrator's tasks after each episode, and their ends.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ingestion.run import run_state
from ingestion.wire import to_wire
from local.devhost.hub import dispatcher
from local.devhost.hub.clock import VirtualClock
from local.devhost.orchestration.decision import decide
from local.devhost.orchestration.episode import Episode, Turn
from local.devhost.orchestration.refusal import Rules
from local.devhost.orchestration.replay import Replay
from local.devhost.testing import RunningApp, running_app
from tests.app.golden import stage
from tests.app.rehearsal import RUN, first_state
from tests.app.world import World, as_sent

HERE = Path(__file__).parent
STEP = timedelta(seconds=15)

Json = dict[str, Any]


class Recorder:
    """Records the decisions of devhost."""

    def __init__(self) -> None:
        self.generations: dict[str, Json] = {}

    def decide(self, episode: Episode, replay: Replay, rules: Rules) -> Turn:
        turn = decide(episode, replay, rules)
        generation = self.generations.setdefault(episode.instance.execution_id, {"calls": [], "episodes": []})
        events = [*episode.history, *episode.new_events]
        generation["events"] = events
        generation["calls"] += [[activity.name, activity.input_text] for activity in turn.activities]
        generation["episodes"].append({"events": len(events), "issued": issued(replay)})
        generation["end"] = ending(replay)
        return turn


def issued(replay: Replay) -> Json:
    """Return the orchestrator's tasks so far: by id the activity or the kind, and the role."""
    return {str(task.task_id): f"{task.role.value} {task.name}" for task in replay.issued}


def ending(replay: Replay) -> Json:
    """Return the orchestrator's condition: the event that it waits for, its next state, its output or its error."""
    return {
        "waits": list(replay.waits),
        "next": json.loads(replay.next_input_text) if replay.next_input_text else None,
        "output": json.loads(replay.output_text) if replay.output_text else None,
        "error": replay.error,
    }


@contextmanager
def listening() -> Iterator[Recorder]:
    """Record the decisions of devhost inside the block."""
    recorder = Recorder()
    dispatcher.decide = recorder.decide  # type: ignore[attr-defined]
    try:
        yield recorder
    finally:
        dispatcher.decide = decide  # type: ignore[attr-defined]


def play(world: World, state: Json, act: Callable[[RunningApp], None] = lambda app: None) -> list[Json]:
    """Play one run to its end, and return its generations."""
    stage.world = world
    with (
        TemporaryDirectory() as folder,
        listening() as recorder,
        running_app(HERE / "app", clock=VirtualClock(), state_file=Path(folder) / "state.db") as app,
    ):
        app.start("ingest_run", state, instance_id=RUN.id)
        while not app.call(app.hub.get(RUN.id)).is_terminal:  # type: ignore[union-attr]
            app.rest()
            act(app)
            app.advance(STEP)
    return list(recorder.generations.values())


def scenarios() -> Iterator[tuple[str, list[Json]]]:
    """Return scenarios that contain every state of a run."""
    yield "plain", play(World([25, 40, 13], [0.0] * 3, {}, [], True), first_state())
    lost = ["fine", "rejected", "failed", *["raised"] * 5, "fine", "unheard"]
    troubled = World([25, 40, 13], [0.0] * 3, {"enqueue_chunk": lost, "record_failed": ["raised"]}, [], False)
    yield "troubled", play(troubled, first_state(tolerated_failures="50%"))
    before = run_state.load(troubled.state)
    again = run_state.redriven(before)
    assert again is not None, "the troubled run has something to do again"
    troubled.redrive(before, again.attempt)
    yield "redriven", play(troubled, as_sent(to_wire(again)))
    yield "waiting", play(World([25, 40], [60.0, 0.0], {}, [], True), first_state())
    yield "refused", play(World([25, 40], [0.0] * 2, {"fetch_batch": ["fine", "refused"]}, [], True), first_state())
    short = World([25], [0.0], {}, [], True)
    short.total = 26
    yield "other_total", play(short, first_state())
    yield "paused", play_command(run_state.PAUSE)
    yield "cancelled", play_command(run_state.CANCEL)


def play_command(command: str) -> list[Json]:
    """A run that gets a command in its second window, and its opposite as soon as the run waits."""
    hindered = {"enqueue_chunk": ["fine", "hindered", "hindered"], "record_window": ["fine", "hindered"]}
    world = World([25, 40], [0.0] * 2, hindered, [], True)
    world.command = command

    def resume(app: RunningApp) -> None:
        if world.command:
            world.command = None
            app.raise_event(RUN.id, run_state.EVENT, "resume")

    return play(world, first_state(), resume if command == run_state.PAUSE else lambda app: None)


def main() -> int:
    folder = HERE / sys.argv[1]
    if folder.exists():
        print(f"{folder.name} is recorded already; runs of it may be in flight", file=sys.stderr)
        return 1
    folder.mkdir()
    for name, generations in scenarios():
        text = "[" + ",\n".join(json.dumps(one, separators=(",", ":")) for one in generations) + "]\n"
        text = text.replace(f"{HERE.parents[2]}/", "")  # remove the path of the recording machine
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
        print(name, len(generations), "generations", len(text), "bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
