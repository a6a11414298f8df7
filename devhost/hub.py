"""What one can do with orchestration instances; the durable client and the public HTTP API end here.

Enters: names, ids, reasons, raw JSON texts. Leaves: instances and histories, or the error that says what is wrong.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from devhost.clock import Clock
from devhost.console import Console
from devhost.dispatcher import Dispatcher
from devhost.episode import StoredInstance
from devhost.errors import (
    InstanceConflict,
    InstanceFinished,
    InstanceNotFound,
    InstanceNotTerminal,
    InvalidRequest,
    WrongState,
)
from devhost.event import Event, EventType, make_event
from devhost.instance import Instance, InstanceFilter
from devhost.loader import FunctionIndex
from devhost.refusal import Rules, explain_unknown_function
from devhost.rewind import plan_rewind
from devhost.settings import HostSettings
from devhost.store import Store
from devhost.turn import NewInstance, tell_parent
from devhost.worker import Worker

_LONGEST_ID = 256
_FORBIDDEN_IN_ID = frozenset("/\\#?")


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
        """Open the state file and take up the work that was in flight."""
        self._store = Store(self._state_file)
        self._dispatcher = Dispatcher(
            self._index, self._worker, self._settings, self._store, self._clock, self._console
        )
        self._dispatcher.start()

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
        version: str | None = None,
    ) -> str:
        """Start an orchestration and give its id; `input_text` is raw JSON."""
        rules: Rules = self._dispatcher.rules
        declared = rules.orchestrators.get(name.lower())
        if declared is None:
            raise InvalidRequest(explain_unknown_function(name, "orchestrator", rules.orchestrators))
        new = NewInstance(
            instance_id=_check_id(instance_id) if instance_id else uuid4().hex,
            execution_id=uuid4().hex,
            name=declared,
            version=version or self._settings.default_version,
            input_text=input_text,
        )
        there = self._store.load(new.instance_id)
        if there is not None and not there.instance.is_terminal and not self._may_replace_running():
            raise InstanceConflict(f"An Orchestration instance with the status {there.instance.status} already exists.")
        self._store.start(new, self._clock.now())
        self._dispatcher.notify(new.instance_id)
        return new.instance_id

    async def raise_event(self, instance_id: str, event_name: str, input_text: str | None) -> None:
        """Put an external event into an instance's inbox; it is kept until the orchestrator waits for it."""
        self._find_running(instance_id)
        self._store.post(
            instance_id, make_event(EventType.EVENT_RAISED, self._clock.now(), Name=event_name, Input=input_text)
        )
        self._console.event(instance_id, f"event {event_name} raised")
        self._dispatcher.notify(instance_id)

    async def terminate(self, instance_id: str, reason: str | None) -> None:
        """End an instance; activities that run now run to their end, and nobody hears of it."""
        stored, now = self._find_running(instance_id), self._clock.now()
        event = make_event(EventType.EXECUTION_TERMINATED, now, Input=reason)
        parent_event = None
        if stored.parent is not None:
            parent_event = tell_parent(stored.parent, now, "Terminated", reason)
        self._store.change_status(stored, "Terminated", event, now, output_text=reason, parent_event=parent_event)
        self._dispatcher.forget(instance_id)
        self._dispatcher.note_change()
        self._console.event(instance_id, f"terminated: {reason or 'no reason given'}")
        if stored.parent is not None:
            self._dispatcher.notify(stored.parent.instance_id)

    async def suspend(self, instance_id: str, reason: str | None) -> None:
        """Hold an instance: running activities end and their results wait, nothing new begins."""
        stored, now = self._find_running(instance_id), self._clock.now()
        if stored.instance.status == "Suspended":
            raise WrongState(f"instance {instance_id} is suspended already")
        self._store.change_status(
            stored, "Suspended", make_event(EventType.EXECUTION_SUSPENDED, now, Reason=reason), now
        )
        self._dispatcher.note_change()
        self._console.event(instance_id, "suspended")

    async def resume(self, instance_id: str, reason: str | None) -> None:
        """Let a suspended instance go on with what came meanwhile."""
        stored, now = self._find_running(instance_id), self._clock.now()
        if stored.instance.status != "Suspended":
            raise WrongState(f"instance {instance_id} is {stored.instance.status}, not Suspended")
        self._store.change_status(stored, "Running", make_event(EventType.EXECUTION_RESUMED, now, Reason=reason), now)
        self._console.event(instance_id, "resumed")
        self._dispatcher.notify(instance_id)

    async def rewind(self, instance_id: str, reason: str | None) -> None:
        """Let a failed instance, and its failed children, do again what failed."""
        stored = self._find(instance_id)
        if stored.instance.status != "Failed":
            raise InstanceNotTerminal(f"instance {instance_id} is {stored.instance.status}; only a Failed one rewinds")
        planned = plan_rewind(stored, self._store.load, self._store.history)
        self._store.rewind(planned, reason, self._clock.now())
        for rewound in planned:
            self._console.event(rewound.instance_id, "rewound")
            self._dispatcher.notify(rewound.instance_id)

    async def restart(self, instance_id: str, *, new_instance_id: bool) -> str:
        """Start an instance's orchestrator again with the same input and give the id."""
        stored = self._store.load(instance_id)
        if stored is None:
            raise InvalidRequest(f"An orchestration with the instanceId {instance_id} was not found.")
        instance = stored.instance
        return await self.start_orchestration(
            instance.name,
            instance_id=None if new_instance_id else instance_id,
            input_text=instance.input_text,
            version=instance.version,
        )

    async def purge(self, instance_id: str) -> int:
        """Forget an ended instance; give how many were forgotten."""
        stored = self._find(instance_id)
        if not stored.instance.is_terminal:
            raise InstanceNotTerminal(
                f"instance {instance_id} is {stored.instance.status}; only an ended one is purged"
            )
        self._store.purge(instance_id)
        return 1

    async def purge_by(self, wanted: InstanceFilter) -> int:
        """Forget all ended instances that a filter takes; give their number."""
        return self._store.purge_ended(wanted)

    async def get(self, instance_id: str) -> Instance | None:
        """Give one instance, or None."""
        stored = self._store.load(instance_id)
        return None if stored is None else stored.instance

    async def wait(self, instance_id: str, enough: Callable[[Instance], bool] = lambda it: it.is_terminal) -> Instance:
        """Give the instance as soon as it is as asked for: ended, unless another condition is given."""
        while True:
            instance = self._find(instance_id).instance
            if enough(instance):
                return instance
            await self._dispatcher.wait_for_change()

    async def rest(self) -> None:
        """Return when nothing more can happen before a durable timer or the next request."""
        while not self._dispatcher.is_idle():
            await self._dispatcher.wait_for_change()

    async def query(
        self, wanted: InstanceFilter, *, top: int, after: str | None = None
    ) -> tuple[list[Instance], str | None]:
        """Give one page of instances and the token of the next page, None at the end."""
        found = self._store.find(wanted, top=top + 1, after=after)
        if len(found) <= top:
            return found, None
        return found[:top], found[top - 1].instance_id

    async def history(self, instance_id: str) -> list[dict[str, Any]]:
        """Give the events of the current execution as they are kept."""
        history: list[Event] = self._store.history(instance_id)
        return history

    def _find(self, instance_id: str) -> StoredInstance:
        stored = self._store.load(instance_id)
        if stored is None:
            raise InstanceNotFound(f"No instance with ID '{instance_id}' was found.")
        return stored

    def _find_running(self, instance_id: str) -> StoredInstance:
        stored = self._find(instance_id)
        if stored.instance.is_terminal:
            raise InstanceFinished(f"instance {instance_id} has ended: {stored.instance.status}")
        return stored

    def _may_replace_running(self) -> bool:
        return self._settings.overridable_existing_instance_states == "AnyState"


def _check_id(instance_id: str) -> str:
    if instance_id.startswith("@"):
        raise InvalidRequest("Orchestration instance IDs must not start with '@'.")
    if len(instance_id) > _LONGEST_ID:
        raise InvalidRequest(f"Orchestration instance IDs must not be longer than {_LONGEST_ID} characters.")
    if any(sign in _FORBIDDEN_IN_ID or ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in instance_id):
        raise InvalidRequest("Orchestration instance IDs must not contain /, \\, #, ? or control characters.")
    return instance_id
