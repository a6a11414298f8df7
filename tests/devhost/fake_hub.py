"""A task hub that runs nothing: it keeps instances as tests put them and notes what is asked of it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from devhost.errors import InstanceConflict, InstanceFinished, InstanceNotFound, InstanceNotTerminal, WrongState
from devhost.instance import Instance, InstanceFilter

START = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)


def make_instance(instance_id: str, status: str = "Running", **changes: Any) -> Instance:
    instance = Instance(
        instance_id=instance_id,
        execution_id="e",
        name="orch",
        version=None,
        status=status,
        input_text='{"a": 1}',
        custom_status_text='"busy"',
        output_text="42" if status == "Completed" else None,
        created_time=START,
        last_updated_time=START,
    )
    return replace(instance, **changes)


class FakeHub:
    """Same methods as the real hub."""

    def __init__(self, *instances: Instance) -> None:
        self.instances = {instance.instance_id: instance for instance in instances}
        self.calls: list[tuple[Any, ...]] = []
        self.events: list[dict[str, Any]] = []

    async def start_orchestration(
        self, name: str, *, instance_id: str | None = None, input_text: str | None = None, version: str | None = None
    ) -> str:
        self.calls.append(("start", name, instance_id, input_text, version))
        key = instance_id or "new-id"
        if key in self.instances and not self.instances[key].is_terminal:
            raise InstanceConflict(f"instance {key} is running")
        self.instances[key] = make_instance(key, "Completed" if name == "quick" else "Pending", name=name)
        return key

    async def get(self, instance_id: str) -> Instance | None:
        return self.instances.get(instance_id)

    async def query(self, wanted: InstanceFilter, *, top: int, after: str | None) -> tuple[list[Instance], str | None]:
        self.calls.append(("query", wanted, top, after))
        found = list(self.instances.values())
        return found[:top], "more" if len(found) > top else None

    async def history(self, instance_id: str) -> list[dict[str, Any]]:
        return self.events

    async def raise_event(self, instance_id: str, event_name: str, input_text: str) -> None:
        self._running(instance_id)
        self.calls.append(("event", instance_id, event_name, input_text))

    async def terminate(self, instance_id: str, reason: str | None) -> None:
        self._running(instance_id)
        self.calls.append(("terminate", instance_id, reason))

    async def suspend(self, instance_id: str, reason: str | None) -> None:
        if self._running(instance_id).status == "Suspended":
            raise WrongState("suspended already")
        self.calls.append(("suspend", instance_id, reason))

    async def resume(self, instance_id: str, reason: str | None) -> None:
        if self._running(instance_id).status != "Suspended":
            raise WrongState("not suspended")
        self.calls.append(("resume", instance_id, reason))

    async def rewind(self, instance_id: str, reason: str | None) -> None:
        if self._known(instance_id).status != "Failed":
            raise InstanceNotTerminal("only a failed instance can be rewound")
        self.calls.append(("rewind", instance_id, reason))

    async def restart(self, instance_id: str, *, new_instance_id: bool) -> str:
        self._known(instance_id)
        return "restarted" if new_instance_id else instance_id

    async def purge(self, instance_id: str) -> int:
        if not self._known(instance_id).is_terminal:
            raise InstanceNotTerminal("it runs")
        del self.instances[instance_id]
        return 1

    async def purge_by(self, wanted: InstanceFilter) -> int:
        self.calls.append(("purge_by", wanted))
        return len([instance for instance in self.instances.values() if instance.is_terminal])

    def _known(self, instance_id: str) -> Instance:
        if instance_id not in self.instances:
            raise InstanceNotFound(instance_id)
        return self.instances[instance_id]

    def _running(self, instance_id: str) -> Instance:
        instance = self._known(instance_id)
        if instance.is_terminal:
            raise InstanceFinished(instance_id)
        return instance
