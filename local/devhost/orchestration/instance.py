"""The record of an orchestration instance, and the events of its start and end."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from local.devhost.orchestration.event import Event, EventType, make_event
from local.devhost.orchestration.failure import NET_STACK

TERMINAL_STATUSES = frozenset({"Completed", "Failed", "Terminated"})

# The numbers of the statuses in history events.
STATUS_NUMBERS = {"Running": 0, "Completed": 1, "Failed": 3, "Terminated": 5, "Pending": 6, "Suspended": 7}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The orchestration that waits for a sub-orchestration."""

    instance_id: str
    execution_id: str
    name: str
    task_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance; the texts are raw JSON, except that a failure's output is plain text.

    `revision` counts the writes; `waits` has the names of the external events that the instance waits for.
    `trace_parent` is the header `traceparent` of the request that started it; its generations and children keep it.
    """

    instance_id: str
    execution_id: str
    name: str
    status: str = "Pending"
    input_text: str | None
    custom_status_text: str | None = None
    output_text: str | None = None
    created_time: datetime
    last_updated_time: datetime
    revision: int = 0
    waits: tuple[str, ...] = ()
    parent: Parent | None = None
    trace_parent: str = ""

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL_STATUSES

    def updated(self, now: datetime, **changes: Any) -> Self:
        """Return the instance after a write at this time."""
        return replace(self, last_updated_time=now, revision=self.revision + 1, **changes)


def start_event(instance: Instance) -> Event:
    """Build the first event of an execution."""
    parent = instance.parent
    return make_event(
        EventType.EXECUTION_STARTED,
        instance.created_time,
        Name=instance.name,
        Version=None,
        Input=instance.input_text,
        OrchestrationInstance={"InstanceId": instance.instance_id, "ExecutionId": instance.execution_id},
        ParentInstance=parent
        and {
            "OrchestrationInstance": {"InstanceId": parent.instance_id, "ExecutionId": parent.execution_id},
            "Name": parent.name,
            "Version": None,
            "TaskScheduleId": parent.task_id,
        },
        Tags=None,
        Correlation=None,
        ParentTraceContext=None,
        ScheduledStartTime=None,
        Generation=0 if instance.status == "Pending" else None,  # None after continue_as_new
    )


def end_event(child: Instance, parent: Parent) -> Event:
    """Build the event that notifies a parent of its child's end."""
    now, text = child.last_updated_time, child.output_text
    if child.status == "Completed":
        return make_event(
            EventType.SUB_ORCHESTRATION_INSTANCE_COMPLETED, now, TaskScheduledId=parent.task_id, Result=text
        )
    message = str(text).removeprefix(f"Orchestrator function '{child.name}' failed: ")
    return make_event(
        EventType.SUB_ORCHESTRATION_INSTANCE_FAILED,
        now,
        TaskScheduledId=parent.task_id,
        Reason=text,
        Details=f"Message: {message}, StackTrace: {NET_STACK}" if child.status == "Failed" else None,
        FailureDetails=None,
    )
