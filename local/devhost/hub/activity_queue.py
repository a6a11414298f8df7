"""Run activities; one transaction stores the results of all activities that end in one round of the event loop."""

import asyncio
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from local.devhost.app.loader import LoadedFunction
from local.devhost.console import Console
from local.devhost.errors import ActivityDisabled, ActivityError, HostFailure, StateFileError
from local.devhost.hub.clock import Clock
from local.devhost.hub.store import Store
from local.devhost.orchestration.episode import Activity
from local.devhost.orchestration.event import Event, EventType, make_event
from local.devhost.orchestration.failure import failed_activity
from local.devhost.worker.worker import Worker

_TRACE_PARENT = re.compile("00-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})")


class ActivityQueue:
    """Activities that run or wait for a slot; `notify` gets the instances with new messages, `fail` gets an error."""

    def __init__(
        self,
        functions: Mapping[str, LoadedFunction],
        worker: Worker,
        store: Store,
        clock: Clock,
        console: Console,
        *,
        limit: int,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        notify: Callable[[Iterable[str]], None],
        fail: Callable[[StateFileError], None],
    ) -> None:
        self._functions, self._worker, self._store = functions, worker, store
        self._clock, self._console = clock, console
        self._slots, self._spawn, self._notify, self._fail = asyncio.Semaphore(limit), spawn, notify, fail
        self._ended: list[tuple[Activity, Event]] = []
        self._posted = asyncio.Event()  # set when the results of ended activities are written
        self._outstanding: Counter[str] = Counter()

    def is_idle(self) -> bool:
        """Return whether no activity waits or runs."""
        return not self._outstanding

    def add(self, activities: Sequence[Activity]) -> None:
        """Add activities to run."""
        self._outstanding.update(activity.instance_id for activity in activities)
        for activity in activities:
            self._spawn(self._run(activity))

    async def drain(self, instance_id: str, seconds: float) -> None:
        """Wait until no activity of an instance is left, but at most `seconds`."""
        for _ in range(10):
            if seconds and instance_id in self._outstanding:
                await asyncio.sleep(seconds / 10)

    async def _run(self, activity: Activity) -> None:
        async with self._slots:
            event = await self._call(activity)
            if not self._ended:
                asyncio.get_running_loop().call_soon(self._post_ended)
            self._ended.append((activity, event))
            # Free the slot after writing the result, so that a crash repeats at most as many calls as there are slots.
            await self._posted.wait()

    async def _call(self, activity: Activity) -> Event:
        text = f"activity {activity.name} #{activity.task_id}"
        function = self._functions.get(activity.name.lower())
        begun = time.perf_counter()
        try:
            if function is None:
                raise ActivityDisabled(activity.name)
            trace_parent = self._trace_parent(activity.instance_id)
            result = await self._worker.run_activity(function, activity.input_text, trace_parent)
        except (ActivityError, HostFailure) as error:
            self._console.error(f"{activity.instance_id} · {text} failed: {error}", error.traceback)
            failure = failed_activity(activity.name, error)
            return make_event(
                EventType.TASK_FAILED,
                self._clock.now(),
                TaskScheduledId=activity.task_id,
                Reason=failure.reason,
                Details=failure.details,
                FailureDetails=None,
            )
        self._console.event(activity.instance_id, f"{text} done in {time.perf_counter() - begun:.1f} s")
        return make_event(EventType.TASK_COMPLETED, self._clock.now(), TaskScheduledId=activity.task_id, Result=result)

    def _trace_parent(self, instance_id: str) -> str:
        """Return a new span in the trace of an instance, as the extension does for each activity; "" if it has none."""
        instance = self._store.load(instance_id)
        of = _TRACE_PARENT.fullmatch(instance.trace_parent) if instance else None
        return f"00-{of['trace']}-{secrets.token_hex(8)}-{of['flags']}" if of else ""

    def _post_ended(self) -> None:
        ended, self._ended = self._ended, []
        try:
            with_mail = self._store.end_tasks("activities", ended)
        except StateFileError as error:
            self._fail(error)
            return
        self._posted.set()
        self._posted = asyncio.Event()
        for activity, _ in ended:
            self._outstanding[activity.instance_id] -= 1
            if not self._outstanding[activity.instance_id]:
                del self._outstanding[activity.instance_id]
        self._notify(with_mail)
