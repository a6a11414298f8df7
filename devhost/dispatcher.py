"""Keeps everything moving: episodes of orchestrators, activities, durable timers.

Enters: the ids of instances that have new mail. Leaves: turns in the store, and lines on the console. One event loop
runs it; the store is only ever touched from there, the deciding itself goes through the worker's thread pool.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any

from devhost.activity_queue import ActivityQueue
from devhost.clock import Clock
from devhost.console import Console
from devhost.decision import decide
from devhost.episode import Message, StoredInstance, open_episode
from devhost.event import Event, EventType, make_event, write_time
from devhost.loader import FunctionIndex, LoadedFunction
from devhost.narration import Narrator
from devhost.refusal import Rules, explain_unknown_function
from devhost.replay import Replay, ReplayRequest, replay
from devhost.settings import HostSettings
from devhost.store import Store
from devhost.turn import ScheduledTimer, Turn
from devhost.worker import Worker

_CACHED_HISTORIES = 64
_LONGEST_PAUSE_SECONDS = 1.0


class Dispatcher:
    """The moving part of a task hub."""

    def __init__(
        self, index: FunctionIndex, worker: Worker, settings: HostSettings, store: Store, clock: Clock, console: Console
    ) -> None:
        self._index, self._worker, self._settings = index, worker, settings
        self._store, self._clock, self._console = store, clock, console
        self.rules = _make_rules(index, settings)
        self._narrator = Narrator(console)
        self._activities = ActivityQueue(
            lambda name: index.activities.get(name.lower()),
            worker,
            store,
            clock,
            console,
            limit=settings.max_concurrent_activities,
            spawn=self._spawn,
            tell=self._tell,
        )
        self._ready: OrderedDict[str, None] = OrderedDict()
        self._busy: set[str] = set()
        self._again: set[str] = set()
        self._pauses: dict[str, float] = {}
        self._histories: OrderedDict[str, tuple[str, int, list[Event]]] = OrderedDict()
        self._woken = asyncio.Event()
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Take up what the last process left, and begin."""
        left = self._store.activities()
        if left:
            self._console.note(f"{len(left)} activities were in flight when devhost stopped; they run again")
        self._activities.add(left)
        self._tell(self._store.instances_with_mail())
        self._spawn(self._fire_timers())

    async def stop(self) -> None:
        """Stop moving; what was going on is taken up by the next start."""
        self._ready.clear()
        self._activities.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def is_idle(self) -> bool:
        """Tell whether nothing can happen before the next timer or the next request."""
        return not (self._ready or self._busy) and self._activities.is_idle()

    def notify(self, instance_id: str) -> None:
        """Say that an instance has new mail; never two episodes of one instance run at once."""
        if instance_id in self._busy:
            self._again.add(instance_id)
        else:
            self._ready[instance_id] = None
            self._pump_episodes()

    def forget(self, instance_id: str) -> None:
        """Keep nothing about an instance that has ended."""
        self._pauses.pop(instance_id, None)
        self._histories.pop(instance_id, None)
        self._narrator.forget(instance_id)

    def note_change(self) -> None:
        """Let those who watch an instance look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for_change(self) -> None:
        """Return when any instance has changed or everything has come to rest."""
        await self._changed.wait()

    def _tell(self, instance_ids: Iterable[str]) -> None:
        for instance_id in instance_ids:
            self.notify(instance_id)
        self._rest_if_idle()

    def _rest_if_idle(self) -> None:
        if self.is_idle():
            self._woken.set()
            self.note_change()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._console.error(f"devhost itself failed: {task.exception()!r}")
        self._rest_if_idle()

    # Episodes

    def _pump_episodes(self) -> None:
        while self._ready and len(self._busy) < self._settings.max_concurrent_orchestrators:
            instance_id, _ = self._ready.popitem(last=False)
            self._busy.add(instance_id)
            self._spawn(self._run_episode(instance_id))

    async def _run_episode(self, instance_id: str) -> None:
        try:
            # A replay costs time in proportion to the whole history. To wait for more completions as long as the last
            # replay took bounds replaying to half of an execution's time; one replay for each would be quadratic.
            pause = self._pauses.pop(instance_id, 0.0)
            if pause:
                await self._activities.drain(instance_id, pause)
            self._again.discard(instance_id)
            await self._take_turn(instance_id)
        finally:
            self._busy.discard(instance_id)
            if instance_id in self._again:
                self._again.discard(instance_id)
                self._ready[instance_id] = None
            self._pump_episodes()

    async def _take_turn(self, instance_id: str) -> None:
        stored = self._store.load(instance_id)
        if stored is None or stored.instance.is_terminal or stored.instance.status == "Suspended":
            return
        history, inbox = self._load_history(stored), self._store.inbox(instance_id)
        begun = time.perf_counter()
        turn = await self._worker.run_in_pool(self._think, stored, history, inbox)
        if turn is None:
            return
        self._pauses[instance_id] = min(time.perf_counter() - begun, _LONGEST_PAUSE_SECONDS)
        if not self._store.commit(turn):
            self._again.add(instance_id)  # suspended, terminated or replaced meanwhile: look again
            return
        self._keep_history(turn, history)
        self._narrator.tell(stored, turn)
        if turn.is_terminal:
            self.forget(instance_id)
        self.note_change()
        self._hand_out(turn, had_mail_left=len(inbox) > len(turn.consumed))

    def _think(self, stored: StoredInstance, history: Sequence[Event], inbox: Sequence[Message]) -> Turn | None:
        """Do the pure part of an episode."""
        episode = open_episode(stored, history, inbox, self._clock.now())
        if episode is None:
            return None
        instance = stored.instance
        function = self._index.orchestrators.get(instance.name.lower())
        if function is None:
            reason = explain_unknown_function(instance.name, "orchestrator", self.rules.orchestrators)
            return decide(episode, Replay(error=reason), self.rules)
        wrapper: Any = function.user_function
        request = ReplayRequest(
            orchestrator=wrapper.orchestrator_function,
            input_type=getattr(wrapper, "_df_input_type", None),
            instance_id=instance.instance_id,
            parent_instance_id=stored.parent.instance_id if stored.parent else None,
            history=[*history, *episode.new_events],
        )
        return decide(episode, replay(request), self.rules)

    def _load_history(self, stored: StoredInstance) -> list[Event]:
        instance = stored.instance
        cached = self._histories.get(instance.instance_id)
        if cached is not None and cached[:2] == (instance.execution_id, stored.revision):
            return cached[2]
        return self._store.history(instance.instance_id)

    def _keep_history(self, turn: Turn, history: list[Event]) -> None:
        self._histories.pop(turn.instance_id, None)
        if turn.is_terminal or turn.next_generation is not None:
            return
        history.extend(turn.events)
        self._histories[turn.instance_id] = (turn.execution_id, turn.revision + 1, history)
        if len(self._histories) > _CACHED_HISTORIES:
            self._histories.popitem(last=False)

    def _hand_out(self, turn: Turn, *, had_mail_left: bool) -> None:
        self._activities.add(turn.activities)
        if turn.timers or turn.cancelled_timers:
            self._woken.set()
        for child in turn.children:
            self.notify(child.instance_id)
        if turn.children:
            self._again.add(turn.instance_id)  # a child that could not be started has been answered at once
        if turn.parent is not None:
            self.notify(turn.parent.instance_id)
        if turn.next_generation is not None or (turn.waits and had_mail_left):
            self._again.add(turn.instance_id)

    # Timers

    async def _fire_timers(self) -> None:
        while True:
            self._woken.clear()
            await self._clock.wait(self._store.next_timer(), self._woken, self.is_idle)
            due = self._store.due_timers(self._clock.now())
            for timer in due:
                self._console.event(timer.instance_id, f"timer #{timer.task_id} fired")
            if due:
                fired = [(timer, _timer_fired(timer, self._clock)) for timer in due]
                self._tell(self._store.end_tasks("timers", fired))


def _timer_fired(timer: ScheduledTimer, clock: Clock) -> Event:
    return make_event(EventType.TIMER_FIRED, clock.now(), TimerId=timer.task_id, FireAt=write_time(timer.fire_at))


def _make_rules(index: FunctionIndex, settings: HostSettings) -> Rules:
    def names(functions: Mapping[str, LoadedFunction]) -> dict[str, str]:
        return {key: function.durable_name or function.name for key, function in functions.items()}

    return Rules(
        activities=names(index.activities),
        orchestrators=names(index.orchestrators),
        lenient=settings.lenient,
        store_inputs=settings.store_inputs_in_history,
        default_version=settings.default_version,
        max_actions=settings.max_orchestration_actions,
    )
