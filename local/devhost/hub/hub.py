"""The operations on orchestration instances, for the durable client and the public HTTP API.

Most take effect at the instance's next turn: its orchestrator's next replay.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from local.devhost import errors
from local.devhost.app.loader import FunctionIndex
from local.devhost.console import Console
from local.devhost.hub.clock import Clock
from local.devhost.hub.dispatcher import Dispatcher
from local.devhost.hub.store import Store
from local.devhost.orchestration.event import Event, EventType, make_event
from local.devhost.orchestration.instance import Instance
from local.devhost.settings import HostSettings
from local.devhost.worker.worker import Worker

_WRONG_STATE = "Cannot {} the orchestration instance {} because instance is in the {} state."
_LONGEST_ID = 512  # a key in an Azure table has at most 1 KiB of UTF-16; no other rule limits an id


class TaskHub:
    """The instances of one state file and the engine that runs them."""

    def __init__(
        self,
        index: FunctionIndex,
        worker: Worker,
        settings: HostSettings,
        state_file: Path,
        clock: Clock,
        console: Console,
    ) -> None:
        self._index, self._worker, self._settings = index, worker, settings
        self._state_file, self._clock, self._console = state_file, clock, console

    async def start(self) -> None:
        """Open the state file and continue unfinished work."""
        self._store = Store(self._state_file)
        self._dispatcher = Dispatcher(
            self._index, self._worker, self._settings, self._store, self._clock, self._console
        )
        self._dispatcher.start()

    @property
    def failure(self) -> asyncio.Future[errors.DevhostError]:
        """A future that gets the reason when the work cannot continue."""
        return self._dispatcher.failure

    def fail(self, error: errors.DevhostError) -> None:
        """Record why the work cannot continue."""
        self._dispatcher.fail(error)

    async def stop(self) -> None:
        """Stop all work and close the state file."""
        await self._dispatcher.stop()
        self._store.close()

    async def start_orchestration(
        self,
        name: str,
        *,
        instance_id: str | None = None,
        input_text: str | None = None,
        trace_parent: str = "",
    ) -> str:
        """Start an orchestration with raw JSON input and return its id; with an unknown name its first turn fails."""
        instance_id = instance_id or uuid4().hex
        if len(instance_id) > _LONGEST_ID:
            raise errors.StorageRefusal
        there = self._store.load(instance_id)
        if there is not None and not there.is_terminal:
            raise errors.Refusal(409, f"An Orchestration instance with the status {there.status} already exists.")
        now = self._clock.now()
        self._store.start(
            Instance(
                instance_id=instance_id,
                execution_id=str(uuid4()),
                name=name,
                input_text=input_text,
                created_time=now,
                last_updated_time=now,
                trace_parent=trace_parent,
            )
        )
        self._dispatcher.notify([instance_id])
        return instance_id

    async def raise_event(self, instance_id: str, event_name: str, input_text: str | None) -> None:
        """Add an external event to an instance's inbox."""
        self._find_running(instance_id)
        self._console.event(instance_id, f"event {event_name} raised")
        self._post(instance_id, EventType.EVENT_RAISED, Name=event_name, Input=input_text, ParentTraceContext=None)

    async def terminate(self, instance_id: str, reason: str | None) -> None:
        """End an instance at its next turn; its running activities continue, and their results are ignored."""
        self._find_running(instance_id)
        self._post(instance_id, EventType.EXECUTION_TERMINATED, Input=reason)

    async def suspend(self, instance_id: str, reason: str | None) -> None:
        """Suspend an instance at its next turn: running activities run to their end, and nothing new begins."""
        if self._find_running(instance_id).status == "Suspended":
            raise errors.DevhostError(_WRONG_STATE.format("suspend", instance_id, "Suspended"))
        self._post(instance_id, EventType.EXECUTION_SUSPENDED, Reason=reason)

    async def resume(self, instance_id: str, reason: str | None) -> None:
        """Resume a suspended instance; it processes what arrived meanwhile."""
        status = self._find_running(instance_id).status
        if status != "Suspended":
            raise errors.DevhostError(_WRONG_STATE.format("resume", instance_id, status))
        self._post(instance_id, EventType.EXECUTION_RESUMED, Reason=reason)

    async def purge(self, instance_id: str) -> int:
        """Delete an ended instance; return the number of deleted instances."""
        instance = self._find(instance_id)
        if not instance.is_terminal:
            raise errors.Refusal(
                412,
                "Only orchestrations in a terminal state can be purged, but the orchestration with instance ID "
                f"{instance_id} has status {instance.status}",
            )
        self._store.purge(instance_id)
        return 1

    async def get(self, instance_id: str) -> Instance | None:
        """Return one instance, or None."""
        return self._store.load(instance_id)

    async def wait(self, instance_id: str, enough: Callable[[Instance], bool] = lambda it: it.is_terminal) -> Instance:
        """Wait until `enough(instance)` is true, by default until the instance has ended; return the instance."""
        while True:
            instance = self._find(instance_id)
            if enough(instance):
                return instance
            await self._dispatcher.wait_for_change()

    async def rest(self) -> None:
        """Wait until nothing can happen before a durable timer or the next request."""
        while not self._dispatcher.is_idle():
            await self._dispatcher.wait_for_change()

    async def query(self, prefix: str, *, top: int, first: str = "") -> tuple[list[Instance], str | None]:
        """Return up to `top` instances with this prefix, from the id `first` on, and the first id of the next page."""
        found = self._store.find(prefix, top=top + 1, first=first)
        return found[:top], found[top].instance_id if len(found) > top else None

    async def history(self, instance_id: str) -> list[Event]:
        """Return the events of the current execution."""
        return self._store.history(instance_id)

    def _post(self, instance_id: str, kind: EventType, **fields: Any) -> None:
        self._store.post(instance_id, make_event(kind, self._clock.now(), **fields))
        self._dispatcher.notify([instance_id])

    def _find(self, instance_id: str) -> Instance:
        instance = self._store.load(instance_id)
        if instance is None:
            raise errors.Refusal(404, f"No instance with ID '{instance_id}' was found.")
        return instance

    def _find_running(self, instance_id: str) -> Instance:
        instance = self._find(instance_id)
        if instance.is_terminal:
            raise errors.Refusal(410, f"instance {instance_id} has ended: {instance.status}")
        return instance
