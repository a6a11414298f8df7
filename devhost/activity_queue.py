"""Runs activities, as many at once as the settings allow.

Enters: activities that a turn scheduled or that were in flight when the process died. Leaves: their outcomes as mail in
the inboxes of their instances, all that end in one round of the event loop in one transaction.
"""

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from devhost.clock import Clock
from devhost.console import Console
from devhost.errors import ActivityError
from devhost.event import Event, EventType, make_event
from devhost.loader import LoadedFunction
from devhost.store import Store
from devhost.turn import ScheduledActivity
from devhost.worker import Worker

Spawn = Callable[[Coroutine[Any, Any, None]], None]


class ActivityQueue:
    """Activities that wait for their turn, and those that run."""

    def __init__(
        self,
        find: Callable[[str], LoadedFunction | None],
        worker: Worker,
        store: Store,
        clock: Clock,
        console: Console,
        *,
        limit: int,
        spawn: Spawn,
        tell: Callable[[Iterable[str]], None],
    ) -> None:
        self._find, self._worker, self._store = find, worker, store
        self._clock, self._console, self._limit = clock, console, limit
        self._spawn, self._tell = spawn, tell
        self._queue: deque[ScheduledActivity] = deque()
        self._running = 0
        self._ended: list[tuple[ScheduledActivity, Event]] = []
        self._outstanding: Counter[str] = Counter()
        self._drained: dict[str, asyncio.Event] = {}

    def is_idle(self) -> bool:
        """Tell whether nothing waits, runs, or is still to be told."""
        return not (self._queue or self._running or self._ended)

    def add(self, activities: Sequence[ScheduledActivity]) -> None:
        """Take activities to run."""
        self._queue.extend(activities)
        self._outstanding.update(activity.instance_id for activity in activities)
        self._pump()

    def clear(self) -> None:
        """Begin no more activities."""
        self._queue.clear()

    async def drain(self, instance_id: str, seconds: float) -> None:
        """Wait until no activity of an instance is left, but no longer than that."""
        if not self._outstanding[instance_id]:
            return
        drained = self._drained[instance_id] = asyncio.Event()
        try:
            async with asyncio.timeout(seconds):
                await drained.wait()
        except TimeoutError:
            pass
        finally:
            self._drained.pop(instance_id, None)

    def _pump(self) -> None:
        while self._queue and self._running < self._limit:
            self._running += 1
            self._spawn(self._run(self._queue.popleft()))

    async def _run(self, activity: ScheduledActivity) -> None:
        begun = time.perf_counter()
        label = f"activity {activity.name} #{activity.task_id}"
        try:
            self._note_end(activity, await self._call(activity))
            self._console.event(activity.instance_id, f"{label} done in {time.perf_counter() - begun:.1f} s")
        except ActivityError as error:
            self._note_end(activity, _task_failed(activity, error, self._clock))
            self._console.error(f"{activity.instance_id} · {label} failed: {error}", error.traceback)
        finally:
            self._running -= 1
            self._pump()

    async def _call(self, activity: ScheduledActivity) -> Event:
        function = self._find(activity.name)
        if function is None:
            # It was there when it was scheduled: the app has changed since.
            return _failure(activity, self._clock, f"Activity function '{activity.name}' does not exist.", None)
        result = await self._worker.run_activity(function, activity.input_text)
        return make_event(EventType.TASK_COMPLETED, self._clock.now(), TaskScheduledId=activity.task_id, Result=result)

    def _note_end(self, activity: ScheduledActivity, event: Event) -> None:
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
        self._tell(told)


def _task_failed(activity: ScheduledActivity, error: ActivityError, clock: Clock) -> Event:
    # Two spaces, and the shape of a serialised .NET exception: what an orchestrator sees on the real host.
    message = f"{error.type_name}: {error.message}"
    reason = f"Activity function '{activity.name}' failed:  {message}"
    details = {
        "$type": "System.Exception, System.Private.CoreLib",
        "Message": reason,
        "InnerException": {"Message": f"Result: Failure\nException: {message}", "RemoteStackTrace": error.traceback},
    }
    return _failure(activity, clock, reason, json.dumps(details))


def _failure(activity: ScheduledActivity, clock: Clock, reason: str, details: str | None) -> Event:
    return make_event(
        EventType.TASK_FAILED,
        clock.now(),
        TaskScheduledId=activity.task_id,
        Reason=reason,
        Details=details,
        FailureDetails=None,
    )
