"""Run everything that is due: orchestrators, activities, durable timers.

An episode is the input of one replay of an orchestrator, a turn is its result. Only the event loop uses the store; the
worker does the replay.
"""

import asyncio
import time
import traceback
from collections import OrderedDict, defaultdict
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from local.devhost.app.loader import FunctionIndex, LoadedFunction
from local.devhost.console import Console
from local.devhost.errors import DevhostError, StateFileError
from local.devhost.hub.activity_queue import ActivityQueue
from local.devhost.hub.clock import Clock
from local.devhost.hub.store import Store
from local.devhost.orchestration.decision import decide
from local.devhost.orchestration.episode import Message, Turn, open_episode
from local.devhost.orchestration.event import Event, EventType, make_event, read_time
from local.devhost.orchestration.instance import Instance
from local.devhost.orchestration.refusal import Rules, explain_unknown_function
from local.devhost.orchestration.replay import Replay
from local.devhost.settings import HostSettings
from local.devhost.worker.worker import Worker

_CACHED_HISTORIES = 64
_LONGEST_PAUSE_SECONDS = 1.0


class Dispatcher:
    """Runs the work of a task hub."""

    def __init__(
        self,
        index: FunctionIndex,
        worker: Worker,
        settings: HostSettings,
        store: Store,
        clock: Clock,
        console: Console,
    ) -> None:
        self._index, self._worker, self._store = index, worker, store
        self._clock, self._console = clock, console
        self.rules = Rules(
            activities=_names(index.activities) | {name.lower(): name for name in index.disabled},
            orchestrators=_names(index.orchestrators),
            settings=settings,
        )
        self._activities = ActivityQueue(
            index.activities,
            worker,
            store,
            clock,
            console,
            limit=settings.max_concurrent_activities,
            spawn=self._spawn,
            notify=self.notify,
            fail=self.fail,
        )
        self._slots = asyncio.Semaphore(settings.max_concurrent_orchestrators)
        self._busy: set[str] = set()
        self._with_mail: set[str] = set()
        self._pauses: dict[str, float] = {}
        self._remarked: defaultdict[str, set[str]] = defaultdict(set)
        self._histories: OrderedDict[tuple[str, str, int], list[Event]] = OrderedDict()  # by execution and revision
        self._woken = asyncio.Event()
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        # Set when the work cannot continue: devhost then ends with this reason.
        self.failure: asyncio.Future[DevhostError] = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        """Load the work that the previous process left unfinished, and begin."""
        left = self._store.activities()
        if left:
            self._console.note(f"{len(left)} activities were in flight when devhost stopped; they run again")
        self._activities.add(left)
        self.notify(self._store.instances_with_mail())
        self._spawn(self._fire_timers())

    async def stop(self) -> None:
        """Stop; the next start continues the unfinished work."""
        self._with_mail.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def is_idle(self) -> bool:
        """Return whether nothing can happen before the next timer or request."""
        return not self._busy and self._activities.is_idle()

    def notify(self, instance_ids: Iterable[str]) -> None:
        """Begin an episode of each instance that has new messages; an instance never runs two episodes at once."""
        for instance_id in instance_ids:
            self._with_mail.add(instance_id)
            if instance_id not in self._busy:
                self._busy.add(instance_id)
                self._spawn(self._run_episode(instance_id))
        self._rest_if_idle()

    def note_end(self, instance: Instance) -> None:
        """Forget an ended instance, and notify its parent."""
        self._pauses.pop(instance.instance_id, None)
        self._remarked.pop(instance.instance_id, None)
        if instance.parent is not None:
            self.notify([instance.parent.instance_id])

    def note_change(self) -> None:
        """Wake the callers of `wait_for_change`."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for_change(self) -> None:
        """Wait until an instance has changed or nothing is left to do."""
        await self._changed.wait()

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
        error = None if task.cancelled() else task.exception()
        if isinstance(error, StateFileError):
            self.fail(error)
        elif error is not None:
            self._console.error(f"devhost itself failed: {error!r}")
        self._rest_if_idle()

    def fail(self, error: DevhostError) -> None:
        """Record why the work cannot continue."""
        if not self.failure.done():
            self.failure.set_result(error)

    async def _run_episode(self, instance_id: str) -> None:
        try:
            async with self._slots:
                # A replay of the whole history for each completion would take quadratic time. So wait for more
                # completions, for as many seconds as the last replay took: then replays take at most half of the time.
                await self._activities.drain(instance_id, self._pauses.pop(instance_id, 0.0))
                self._with_mail.discard(instance_id)
                await self._take_turn(instance_id)
        finally:
            self._busy.discard(instance_id)
            if instance_id in self._with_mail:
                self.notify([instance_id])

    async def _take_turn(self, instance_id: str) -> None:
        instance = self._store.load(instance_id)
        if instance is None or instance.is_terminal:
            return
        key = (instance_id, instance.execution_id, instance.revision)
        history = self._histories.get(key) or self._store.history(instance_id)
        inbox = self._store.inbox(instance_id)
        begun = time.perf_counter()
        turn = await self._think(instance, history, inbox)
        if turn is None:
            return
        self._pauses[instance_id] = min(time.perf_counter() - begun, _LONGEST_PAUSE_SECONDS)
        if not self._store.commit(turn):
            self._with_mail.add(instance_id)  # the instance has changed meanwhile: decide again
            return
        self._histories.pop(key, None)
        if not (turn.after.is_terminal or turn.continues_as_new):
            history.extend(turn.events)
            self._histories[instance_id, instance.execution_id, turn.after.revision] = history
            if len(self._histories) > _CACHED_HISTORIES:
                self._histories.popitem(last=False)
        self.note_change()  # first, so that a caller of `rest` looks before time jumps to the next timer
        self._hand_out(turn)
        self._narrate(turn)  # last, so that no committed work waits for the console

    async def _think(self, instance: Instance, history: Sequence[Event], inbox: Sequence[Message]) -> Turn | None:
        episode = open_episode(instance, history, inbox, self._clock.now())
        if episode is None:
            return None
        function = self._index.orchestrators.get(instance.name.lower())
        if function is None:
            reason = explain_unknown_function(instance.name, "orchestrator", self.rules.orchestrators)
            return decide(episode, Replay(error=reason), self.rules)
        events = [*history, *episode.new_events]
        try:
            return decide(episode, await self._worker.run_turn(function, events), self.rules)
        except Exception as error:  # fail the instance: otherwise every start of devhost would repeat the error
            reason = f"{type(error).__name__}: {error}"
            return decide(episode, Replay(error=reason, error_traceback=traceback.format_exc()), self.rules)

    def _hand_out(self, turn: Turn) -> None:
        self._activities.add(turn.activities)
        if turn.timers or turn.cancelled_timers:
            self._woken.set()
        self.notify(child.instance_id for child in turn.children)
        # A child that could not start has already answered; a new generation has its start event.
        if turn.children or turn.continues_as_new:
            self.notify([turn.after.instance_id])
        if turn.after.is_terminal:
            self.note_end(turn.after)

    def _narrate(self, turn: Turn) -> None:
        instance_id, name = turn.after.instance_id, turn.after.name
        for kind, text in turn.remarks.items():
            if kind not in self._remarked[instance_id]:
                self._remarked[instance_id].add(kind)
                self._console.warning(f"{instance_id} · {text}")
        say = partial(self._console.event, instance_id)
        if turn.before.status == "Pending":
            say(f"orchestrator {name} started")
        elif turn.before.status == "Suspended" and turn.after.status != "Suspended":
            say("resumed")
        if turn.after.status == "Suspended" != turn.before.status:
            say("suspended")
        for timer in turn.timers:
            fire_at = read_time(timer.fire_at)
            if fire_at > turn.after.last_updated_time:
                say(f"timer #{timer.task_id} set for {fire_at:%F %T} UTC")
        if awaited := sorted(set(turn.after.waits) - set(turn.before.waits)):
            say(f"waits for event {', '.join(awaited)}")
        if turn.continues_as_new:
            say(f"orchestrator {name} continues as new")
        if turn.after.status == "Completed":
            say(f"orchestrator {name} completed")
        if turn.after.status == "Terminated":
            say(f"terminated: {turn.after.output_text or 'no reason given'}")
        if turn.after.status == "Failed":
            self._console.error(f"{instance_id} · {turn.after.output_text}", turn.error_traceback)

    async def _fire_timers(self) -> None:
        while True:
            self._woken.clear()
            await self._clock.wait(self._store.next_timer(), self._woken, self.is_idle)
            now = self._clock.now()
            fired = []
            for timer in self._store.due_timers(now):
                self._console.event(timer.instance_id, f"timer #{timer.task_id} fired")
                event = make_event(EventType.TIMER_FIRED, now, TimerId=timer.task_id, FireAt=timer.fire_at)
                fired.append((timer, event))
            if fired:
                self.notify(self._store.end_tasks("timers", fired))


def _names(functions: Mapping[str, LoadedFunction]) -> dict[str, str]:
    return {key: function.durable_name or function.name for key, function in functions.items()}
