"""Timer-triggered functions: each on its own schedule, which never has two of its calls run at once.

As the host's listener does it, one call makes up for what fell due while the function ran or while time jumped. A call
is past due only at a start, when a due time has passed since devhost stopped.
"""

import asyncio
import json
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from azure.functions.timer import TimerRequest

from devhost.clock import Clock
from devhost.console import Console
from devhost.errors import ActivityError, AppLoadError, HostFailure, explained
from devhost.loader import CLIENT, LoadedFunction
from devhost.schedule import Schedule
from devhost.worker import Worker

_NEVER = datetime.min.replace(tzinfo=UTC)


def _status(last: datetime, following: datetime, updated: datetime) -> dict[str, str]:
    return {"Last": last.isoformat(), "Next": following.isoformat(), "LastUpdated": updated.isoformat()}


@dataclass(slots=True, kw_only=True)
class Timer:
    """One timer-triggered function; `kept` is its status for calls by hand and for the next start."""

    function: LoadedFunction
    schedule: Schedule
    runs_at_start: bool
    is_monitored: bool
    kept: dict[str, str] = field(default_factory=dict)


def read_timers(functions: Iterable[LoadedFunction]) -> dict[str, Timer]:
    """Read the schedules, by lower-case function name; AppLoadError names the first that cannot be read."""
    timers = {}
    for function in functions:
        trigger = function.trigger
        try:
            schedule = Schedule(str(trigger.schedule))
        except ValueError as error:
            raise AppLoadError(
                f"function {function.name}: schedule {trigger.schedule!r} cannot be used: {error}; "
                "the real host leaves such a function out"
            ) from error
        timers[function.name.lower()] = Timer(
            function=function,
            schedule=schedule,
            runs_at_start=bool(trigger.run_on_startup),
            is_monitored=trigger.use_monitor is not False and schedule.is_monitored,
        )
    return timers


class TimerTriggers:
    """Calls the timer-triggered functions when the clock says so, or by hand."""

    def __init__(
        self,
        timers: Mapping[str, Timer],
        worker: Worker,
        clock: Clock,
        console: Console,
        *,
        client_binding: str,
        status_file: Path,
    ) -> None:
        self._timers, self._worker, self._clock, self._console = timers, worker, clock, console
        self._client_binding, self._file = client_binding, status_file
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = 0
        self._at_rest = asyncio.Event()
        self._at_rest.set()

    def start(self) -> None:
        """Begin the schedules; what is past due or asks for a call at the start is called at once."""
        with explained(f"the file of timers {self._file} cannot be used"):
            kept = json.loads(self._file.read_bytes()) if self._file.exists() else {}
        now = self._clock.now()
        for name, timer in self._timers.items():
            status = _status(_NEVER, timer.schedule.next_after(now), _NEVER)
            if timer.is_monitored:
                timer.kept = status | {"LastUpdated": now.isoformat(), "Schedule": timer.schedule.text}
                if kept.get(name, {}).get("Schedule") == timer.schedule.text:
                    timer.kept = status = kept[name]
            past_due = datetime.fromisoformat(status["Next"]) < now
            self._spawn(self._follow(timer, status, at_once=past_due or timer.runs_at_start, past_due=past_due))
        self._keep()

    async def stop(self) -> None:
        """Stop the schedules and what they run."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def is_idle(self) -> bool:
        """Tell whether no timer-triggered function runs."""
        return self._running == 0

    async def rest(self) -> None:
        """Return when no timer-triggered function runs."""
        await self._at_rest.wait()

    def run_now(self, name: str) -> None:
        """Call a function beside its schedule."""
        timer = self._timers[name.lower()]
        self._spawn(self._call(timer, timer.kept))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._console.error(f"devhost itself failed: {error!r}")

    async def _follow(self, timer: Timer, status: dict[str, str], *, at_once: bool, past_due: bool) -> None:
        while True:
            called = self._clock.now()
            if not at_once:
                due = datetime.fromisoformat(status["Next"])
                await self._clock.reach(due)
                called = max(due, self._clock.now())  # woken early, it would be due again
            await self._call(timer, status, past_due=past_due)
            at_once = past_due = False
            status = _status(called, timer.schedule.next_after(called), called)
            if timer.is_monitored:
                timer.kept = status | {"Schedule": timer.schedule.text}
                self._keep()

    async def _call(self, timer: Timer, status: Mapping[str, str], *, past_due: bool = False) -> None:
        function = timer.function
        request = TimerRequest(
            past_due=past_due,
            schedule={"AdjustForDST": timer.schedule.adjusts_for_dst},
            schedule_status={key: status[key] for key in ("Last", "Next", "LastUpdated")} if timer.is_monitored else {},
        )
        bindings = function.bindings
        arguments = {it.name: self._client_binding if it.type == CLIENT else request for it in bindings}
        self._running += 1
        self._at_rest.clear()
        try:
            await self._worker.run(function, arguments)
        except (ActivityError, HostFailure) as error:
            self._console.error(f"function {function.name} failed: {error}", error.traceback)
        finally:
            self._running -= 1
            if self._running == 0:
                self._at_rest.set()

    def _keep(self) -> None:
        kept = {name: timer.kept for name, timer in self._timers.items() if timer.is_monitored}
        if kept:
            written = self._file.with_suffix(".new")
            with explained(f"the file of timers {self._file} cannot be written"):
                written.write_text(json.dumps(kept), encoding="utf-8")
                written.replace(self._file)
