"""A task hub without HTTP; the test controls its activities, events and time.

Input: programs to run at the same time. Output: how each ended, and devhost's messages about it. Everything happens at
whole virtual seconds, in an order that depends only on the programs; a world may also die before each commit.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from local.devhost.app.loader import LoadedFunction
from local.devhost.console import Console
from local.devhost.errors import ActivityError
from local.devhost.hub.clock import VirtualClock
from local.devhost.hub.hub import TaskHub
from local.devhost.hub.store import Store
from local.devhost.orchestration.decision import decide
from local.devhost.orchestration.episode import Episode, Turn
from local.devhost.orchestration.event import Event
from local.devhost.orchestration.extension import Walk
from local.devhost.orchestration.refusal import Rules
from local.devhost.orchestration.replay import Replay, replay
from local.devhost.settings import HostSettings
from tests.devhost.fuzz_program import ALWAYS, Json, program

NO_LIMIT = 1_000_000
SETTINGS = HostSettings(max_concurrent_activities=NO_LIMIT, max_concurrent_orchestrators=NO_LIMIT)
FUNCTIONS: Any = SimpleNamespace(
    orchestrators={"program": SimpleNamespace(name="program", durable_name="program")},
    activities={"work": SimpleNamespace(name="work", durable_name="work")},
    disabled=(),
)
PARTED, NESTED, DRIFTED = "completes with wrong results", "does not have pending sub-task", "Non-Deterministic workflow"


class Ending(NamedTuple):
    """How one program ended; `broken_by` is the pattern for which devhost failed it or a child of it."""

    status: str
    output: str | None
    broken_by: str | None


class Cut(Exception):
    """The process dies."""


class World:
    """Runs programs on a task hub; `seen` has the commits before which the world has died already."""

    def __init__(self, state_file: Path, *, sdk_alone: bool = False, dies: bool = False) -> None:
        self.sdk_alone = sdk_alone
        self.dies, self.is_dead, self.deaths, self.commits = dies, False, 0, 0
        self.parked: dict[asyncio.Future[None], tuple[datetime, str]] = {}
        self.due: dict[str, datetime] = {}
        self.ended: Counter[str] = Counter()
        self.seen: set[tuple[str, str, int]] = set()
        self.broken: dict[str, str] = {}
        self.lines: list[str] = []
        self.most_parked: list[int] = []
        self._raised: set[tuple[str, str, str]] = set()
        self._clock = VirtualClock(automatic=False)
        self._state_file = state_file

    def open_hub(self) -> TaskHub:
        """Create a task hub as a new process does, from the state file alone."""
        self.parked.clear()
        worker: Any = _ParkedWorker(self)
        return TaskHub(FUNCTIONS, worker, SETTINGS, self._state_file, self._clock, Console(self.lines.append))

    async def run(self, programs: Mapping[str, Json]) -> dict[str, Ending]:
        """Start all programs, by instance id, and return how they ended."""
        with pytest.MonkeyPatch.context() as patched:
            if self.sdk_alone:
                patched.setattr("local.devhost.hub.dispatcher.decide", _decide_as_the_sdk_counts)
            patched.setattr("local.devhost.hub.hub.Store", lambda path: _MortalStore(path, self))
            numbers = count()
            # Ids sort the same in every run, and nothing depends on the wall clock.
            patched.setattr("local.devhost.hub.hub.uuid4", lambda: UUID(int=next(numbers)))
            patched.setattr("local.devhost.hub.dispatcher._LONGEST_PAUSE_SECONDS", 0.0)
            hub = self.open_hub()
            await hub.start()
            for root, drawn in programs.items():
                plan = {"root": root, "place": "0", "results": [], "failures": 0, **drawn}
                await hub.start_orchestration("program", instance_id=root, input_text=json.dumps(json.dumps(plan)))
            while True:
                await _settle()
                if self.is_dead:
                    await hub.stop()
                    self.is_dead = False
                    self.deaths += 1
                    hub = self.open_hub()
                    await hub.start()
                elif not await self._move(hub):
                    break
            endings = {root: await self._ending(hub, root) for root in programs}
            await hub.stop()
        return endings

    async def _move(self, hub: TaskHub) -> bool:
        """Do the next thing, and everything due at the same time; return False if nothing is left."""
        events = self._open_waits(hub)
        timer = hub._store.next_timer()
        moments = [due for due, _ in self.parked.values()] + list(events.values()) + ([timer] if timer else [])
        if not moments:
            return False
        now = min(moments)
        self.most_parked.append(len(self.parked))
        self._clock.advance(max(now - self._clock.now(), timedelta(0)))
        for future in [future for future, (due, _) in self.parked.items() if due <= now]:
            future.set_result(None)
            del self.parked[future]
        for (instance_id, execution_id, name), due in events.items():
            if due <= now:
                self._raised.add((instance_id, execution_id, name))
                await hub.raise_event(instance_id, name, json.dumps(name))
        return True

    def _open_waits(self, hub: TaskHub) -> dict[tuple[str, str, str], datetime]:
        rows = hub._store._connection.execute(
            "SELECT instance_id, execution_id, waits FROM instances WHERE status = 'Running' AND waits != '[]'"
        )
        keys = [
            (instance_id, execution_id, name) for instance_id, execution_id, waits in rows for name in json.loads(waits)
        ]
        return {key: self.when(" ".join(key), 1.25 + len(key[2]) % 4) for key in keys if key not in self._raised}

    def when(self, what: str, seconds: float) -> datetime:
        """Return when something is due; it is the same after a death."""
        if what not in self.due:
            self.due[what] = self._clock.now().replace(microsecond=0) + timedelta(seconds=seconds)
        return self.due[what]

    async def _ending(self, hub: TaskHub, root: str) -> Ending:
        instance = await hub.get(root)
        assert instance is not None
        output = instance.output_text if instance.status == "Completed" else None
        return Ending(instance.status, output, self.broken.get(root))


class _MortalStore(Store):
    """A store whose process dies once before each commit, and after every fiftieth."""

    def __init__(self, path: Path, world: World) -> None:
        super().__init__(path)
        self._connection.execute("PRAGMA synchronous = OFF")
        self._world = world

    def commit(self, turn: Turn) -> bool:
        world, key = self._world, (turn.before.instance_id, turn.before.execution_id, turn.before.revision)
        if world.is_dead or (world.dies and key not in world.seen):
            world.seen.add(key)
            world.is_dead = True
            raise Cut
        self._note(turn)
        committed = super().commit(turn)
        world.commits += 1
        if world.dies and world.commits % 50 == 0:
            world.is_dead = True
            raise Cut
        return committed

    def _note(self, turn: Turn) -> None:
        said = f"{turn.remarks.get('no answer')} {turn.after.output_text}"
        broken_by = next((pattern for pattern in (PARTED, NESTED, DRIFTED) if pattern in said), None)
        if turn.after.status == "Failed" and broken_by:
            plan = json.loads(json.loads(str(turn.after.input_text)))
            self._world.broken.setdefault(plan["root"], broken_by)

    def end_tasks(self, table: str, ended: Any) -> list[str]:
        if self._world.is_dead:
            raise Cut
        shown = super().end_tasks(table, ended)
        if table == "activities":
            self._world.ended.update(task.input_text for task, _ in ended)
        return shown


class _ParkedWorker:
    """A worker whose activities end when the world decides; replays run at once, on the event loop."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def run_turn(self, function: LoadedFunction, history: Sequence[Event]) -> Replay:
        await asyncio.sleep(0)  # so that all instances think before the first of them commits
        return replay(program, history)

    async def run_activity(self, function: LoadedFunction, input_text: str, trace_parent: str) -> str:
        world, plan = self._world, json.loads(input_text)
        attempt = world.ended[input_text]
        future = asyncio.get_running_loop().create_future()
        world.parked[future] = (world.when(f"{input_text} {attempt}", plan["seconds"]), input_text)
        await future
        if attempt < plan["failures"] or plan["failures"] == ALWAYS:
            raise ActivityError("ValueError", "no")
        return json.dumps(plan["label"])


def _decide_as_the_sdk_counts(episode: Episode, answer: Replay, rules: Rules) -> Turn:
    """Decide a turn as if there were no extension: tasks have the SDK's numbers, and start at once."""

    def follow(actions: Any, history: Any) -> Walk:
        walk = Walk(())
        walk.issued = [*answer.issued]
        return walk

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("local.devhost.orchestration.decision.follow", follow)
        return decide(episode, answer, rules)


async def _settle() -> None:
    loop: Any = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(0)
        if not loop._ready:
            return
