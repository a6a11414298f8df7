"""Keeps everything moving: episodes of orchestrators, activities, durable timers.

Enters: the ids of instances that have new mail. Leaves: turns in the store, and lines on the console. One event loop
runs it; the store is only ever touched from there, the deciding itself goes through the worker's thread pool.
"""

import asyncio
import json
import time
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Coroutine, Sequence
from typing import Any

from devhost.clock import Clock
from devhost.console import Console
from devhost.decision import decide
from devhost.episode import Message, StoredInstance, open_episode
from devhost.errors import ActivityError
from devhost.event import Event, EventType, make_event, write_time
from devhost.loader import FunctionIndex
from devhost.refusal import Rules, explain_unknown_function
from devhost.replay import Replay, ReplayRequest, replay
from devhost.settings import HostSettings
from devhost.store import Store
from devhost.turn import ScheduledActivity, ScheduledTimer, Turn
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
        self._ready: OrderedDict[str, None] = OrderedDict()
        self._busy: set[str] = set()
        self._again: set[str] = set()
        self._queue: deque[ScheduledActivity] = deque()
        self._running_activities = 0
        self._outstanding: Counter[str] = Counter()
        self._drained: dict[str, asyncio.Event] = {}
        self._ended: list[tuple[ScheduledActivity, Event]] = []
        self._pauses: dict[str, float] = {}
        self._histories: OrderedDict[str, tuple[str, int, list[Event]]] = OrderedDict()
        self._remarked: defaultdict[str, set[str]] = defaultdict(set)
        self._woken = asyncio.Event()
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Take up what the last process left, and begin."""
        left = self._store.activities()
        if left:
            self._console.note(f"{len(left)} activities were in flight when devhost stopped; they run again")
        self._enqueue(left)
        for instance_id in self._store.instances_with_mail():
            self.notify(instance_id)
        self._spawn(self._fire_timers())

    async def stop(self) -> None:
        """Stop moving; what was going on is taken up by the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def is_idle(self) -> bool:
        """Tell whether nothing can happen before the next timer or the next request."""
        return not (self._ready or self._busy or self._queue or self._running_activities or self._ended)

    def notify(self, instance_id: str) -> None:
        """Say that an instance has new mail; never two episodes of one instance run at once."""
        if instance_id in self._busy:
            self._again.add(instance_id)
        else:
            self._ready[instance_id] = None
            self._pump_episodes()

    def note_change(self) -> None:
        """Let those who watch an instance look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for_change(self) -> None:
        """Return when any instance has changed or everything has come to rest."""
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
            await self._gather_mail(instance_id)
            self._again.discard(instance_id)
            await self._take_turn(instance_id)
        finally:
            self._busy.discard(instance_id)
            if instance_id in self._again:
                self._again.discard(instance_id)
                self._ready[instance_id] = None
            self._pump_episodes()

    async def _gather_mail(self, instance_id: str) -> None:
        """Wait as long as the last replay took while more completions are to come.

        A replay costs time in proportion to the whole history. This bounds replaying to half of an execution's time,
        where one replay per completion would be quadratic.
        """
        pause = self._pauses.pop(instance_id, 0.0)
        if not pause or not self._outstanding[instance_id]:
            return
        drained = self._drained[instance_id] = asyncio.Event()
        try:
            async with asyncio.timeout(pause):
                await drained.wait()
        except TimeoutError:
            pass
        finally:
            self._drained.pop(instance_id, None)

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
        self._say(stored, turn)
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
        self._enqueue(turn.activities)
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

    def _say(self, stored: StoredInstance, turn: Turn) -> None:
        instance_id, name = turn.instance_id, stored.instance.name
        for remark in turn.remarks:
            if remark.kind not in self._remarked[instance_id]:
                self._remarked[instance_id].add(remark.kind)
                self._console.warning(f"{instance_id} · {remark.text}")
        if stored.instance.status == "Pending":
            self._console.event(instance_id, f"orchestrator {name} started")
        for timer in turn.timers:
            if timer.fire_at > turn.now:
                self._console.event(instance_id, f"timer #{timer.task_id} set for {timer.fire_at:%F %T} UTC")
        if awaited := sorted(set(turn.waits) - set(stored.waits)):
            self._console.event(instance_id, f"waits for event {', '.join(awaited)}")
        if turn.next_generation is not None:
            self._console.event(instance_id, f"orchestrator {name} continues as new")
        if turn.status == "Completed":
            self._console.event(instance_id, f"orchestrator {name} completed")
        if turn.status == "Failed":
            self._console.error(f"{instance_id} · {turn.output_text}", turn.error_traceback)
        if turn.is_terminal:
            self._remarked.pop(instance_id, None)
            self._pauses.pop(instance_id, None)

    # Activities

    def _enqueue(self, activities: Sequence[ScheduledActivity]) -> None:
        self._queue.extend(activities)
        for activity in activities:
            self._outstanding[activity.instance_id] += 1
        self._pump_activities()

    def _pump_activities(self) -> None:
        while self._queue and self._running_activities < self._settings.max_concurrent_activities:
            self._running_activities += 1
            self._spawn(self._run_activity(self._queue.popleft()))

    async def _run_activity(self, activity: ScheduledActivity) -> None:
        begun = time.perf_counter()
        label = f"activity {activity.name} #{activity.task_id}"
        try:
            event = await self._call_activity(activity)
            self._note_end(activity, event)
            spent = f"{time.perf_counter() - begun:.1f} s"
            if event["EventType"] == EventType.TASK_COMPLETED:
                self._console.event(activity.instance_id, f"{label} done in {spent}")
        except ActivityError as error:
            self._note_end(activity, _task_failed(activity, error, self._clock))
            self._console.error(f"{activity.instance_id} · {label} failed: {error}", error.traceback)
        finally:
            self._running_activities -= 1
            self._pump_activities()

    async def _call_activity(self, activity: ScheduledActivity) -> Event:
        function = self._index.activities.get(activity.name.lower())
        if function is None:
            reason = f"Activity function '{activity.name}' does not exist."
            return make_event(
                EventType.TASK_FAILED,
                self._clock.now(),
                TaskScheduledId=activity.task_id,
                Reason=reason,
                Details=None,
                FailureDetails=None,
            )
        result = await self._worker.run_activity(function, activity.input_text)
        return make_event(EventType.TASK_COMPLETED, self._clock.now(), TaskScheduledId=activity.task_id, Result=result)

    def _note_end(self, activity: ScheduledActivity, event: Event) -> None:
        # All activities that end in one round of the event loop share one transaction.
        if not self._ended:
            asyncio.get_running_loop().call_soon(self._post_ended)
        self._ended.append((activity, event))

    def _post_ended(self) -> None:
        ended, self._ended = self._ended, []
        told = self._store.end_tasks("activities", ended)
        for activity, _ in ended:
            self._outstanding[activity.instance_id] -= 1
            if not self._outstanding[activity.instance_id]:
                del self._outstanding[activity.instance_id]
                if activity.instance_id in self._drained:
                    self._drained[activity.instance_id].set()
        for instance_id in told:
            self.notify(instance_id)
        self._rest_if_idle()

    # Timers

    async def _fire_timers(self) -> None:
        while True:
            self._woken.clear()
            await self._clock.wait(self._store.next_timer(), self._woken, self.is_idle)
            now = self._clock.now()
            due = self._store.due_timers(now)
            if not due:
                continue
            for timer in due:
                self._console.event(timer.instance_id, f"timer #{timer.task_id} fired")
            for instance_id in self._store.end_tasks(
                "timers", [(timer, _timer_fired(timer, self._clock)) for timer in due]
            ):
                self.notify(instance_id)


def _timer_fired(timer: ScheduledTimer, clock: Clock) -> Event:
    return make_event(EventType.TIMER_FIRED, clock.now(), TimerId=timer.task_id, FireAt=write_time(timer.fire_at))


def _task_failed(activity: ScheduledActivity, error: ActivityError, clock: Clock) -> Event:
    # Two spaces, and the shape of a serialised .NET exception: what an orchestrator sees on the real host.
    message = f"{error.type_name}: {error.message}"
    reason = f"Activity function '{activity.name}' failed:  {message}"
    details = {
        "$type": "System.Exception, System.Private.CoreLib",
        "Message": reason,
        "InnerException": {"Message": f"Result: Failure\nException: {message}", "RemoteStackTrace": error.traceback},
    }
    return make_event(
        EventType.TASK_FAILED,
        clock.now(),
        TaskScheduledId=activity.task_id,
        Reason=reason,
        Details=json.dumps(details),
        FailureDetails=None,
    )


def _make_rules(index: FunctionIndex, settings: HostSettings) -> Rules:
    return Rules(
        activities={key: function.durable_name or function.name for key, function in index.activities.items()},
        orchestrators={key: function.durable_name or function.name for key, function in index.orchestrators.items()},
        lenient=settings.lenient,
        store_inputs=settings.store_inputs_in_history,
        default_version=settings.default_version,
        max_actions=settings.max_orchestration_actions,
    )
