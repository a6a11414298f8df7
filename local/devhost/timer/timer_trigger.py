"""Timer-triggered functions: each has its schedule, and its scheduled calls never overlap.

As on the real host, a single call replaces all calls that fell due while the function ran or while time jumped. Only
the first call after a start can be past due: if it fell due while devhost was stopped.
"""

import asyncio
import json
from collections.abc import Coroutine, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from azure.functions.timer import TimerRequest

from local.devhost.app.loader import CLIENT, LoadedFunction
from local.devhost.console import Console
from local.devhost.errors import ActivityError, AppLoadError, HostFailure
from local.devhost.hub.clock import Clock
from local.devhost.timer.schedule import Schedule
from local.devhost.worker.worker import Worker

_NEVER = datetime.min.replace(tzinfo=UTC)


class Timer:
    """One timer-triggered function, its schedule, and the status that its next call gets."""

    def __init__(self, function: LoadedFunction) -> None:
        self.function, trigger = function, function.trigger
        try:
            self.schedule = Schedule(str(trigger.schedule))
        except ValueError as error:
            reason = f"function {function.name}: cannot use schedule {trigger.schedule!r}: {error}"
            raise AppLoadError(reason, "also accepts hh:mm:ss, five fields and %SETTING%") from error
        self.is_monitored = trigger.use_monitor is not False and self.schedule.is_monitored
        self.key = f"{function.name} {self.schedule.text}"
        self.status: dict[str, str] = {}


class TimerTriggers:
    """Calls the timer-triggered functions when they are due, or at once on request."""

    def __init__(
        self,
        timers: Iterable[Timer],
        worker: Worker,
        clock: Clock,
        console: Console,
        client_binding: str,
        kept_in: Path,
    ) -> None:
        self._timers = {timer.function.name: timer for timer in timers}
        self._worker, self._clock, self._console = worker, clock, console
        self._client_binding, self._kept_in = client_binding, kept_in
        self._schedules: list[asyncio.Task[None]] = []
        self._calls: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin the schedules; call at once a function that is past due or has run_on_startup."""
        kept = json.loads(self._kept_in.read_bytes()) if self._kept_in.exists() else {}
        now = self._clock.now()
        for timer in self._timers.values():
            timer.status = kept.get(timer.key) or _status(_NEVER, timer.schedule.next_after(now))
            self._schedules.append(asyncio.get_running_loop().create_task(self._follow(timer, now)))
        self._keep()

    async def stop(self) -> None:
        """Stop the schedules and all calls."""
        tasks = [*self._schedules, *self._calls]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def rest(self) -> bool:
        """Wait until no call runs; return whether any call ran before."""
        did_run = bool(self._calls)
        while self._calls:
            await asyncio.wait(self._calls)
        return did_run

    def call_now(self, name: str) -> None:
        """Call a timer-triggered function at once, outside its schedule."""
        self.run(name, self._call(self._timers[name]))

    def run(self, name: str, call: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        """Run a call of a function; report a failure, but do not raise it."""
        task = asyncio.get_running_loop().create_task(self._report(name, call))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return task

    async def _report(self, name: str, call: Coroutine[Any, Any, object]) -> None:
        try:
            await call
        except (ActivityError, HostFailure) as error:
            self._console.error(f"function {name} failed: {error}", error.traceback)

    async def _follow(self, timer: Timer, now: datetime) -> None:
        due = datetime.fromisoformat(timer.status["Next"])
        past_due = due < now
        at_once = past_due or bool(timer.function.trigger.run_on_startup)
        while True:
            if not at_once:
                await self._clock.reach(due)
                now = max(due, self._clock.now())  # after a wait that ended too early, `due` would be due again
            await self.run(timer.function.name, self._call(timer, past_due=past_due))
            at_once = past_due = False
            due = timer.schedule.next_after(now)
            timer.status = _status(now, due)
            self._keep()

    async def _call(self, timer: Timer, *, past_due: bool = False) -> None:
        status = timer.status if timer.is_monitored else {}
        request = TimerRequest(past_due=past_due, schedule={"AdjustForDST": True}, schedule_status=status)
        bindings = timer.function.bindings
        arguments = {it.name: self._client_binding if it.type == CLIENT else request for it in bindings}
        await self._worker.run(timer.function, arguments)

    def _keep(self) -> None:
        kept = {timer.key: timer.status for timer in self._timers.values() if timer.is_monitored}
        written = self._kept_in.with_suffix(".new")
        try:
            if kept:
                written.write_text(json.dumps(kept), encoding="utf-8")
                written.replace(self._kept_in)
        except OSError as error:
            self._console.error(f"cannot save the timers' next calls in {self._kept_in}: {error.strerror}")


def _status(last: datetime, following: datetime) -> dict[str, str]:
    return {"Last": last.isoformat(), "Next": following.isoformat(), "LastUpdated": last.isoformat()}
