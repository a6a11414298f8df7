"""What one episode changes, as records, and the two messages that pass between instances.

Enters: nothing; the decision fills a `Turn`. Leaves: what the store writes in one transaction and the task hub hands
out afterwards.
"""

from dataclasses import dataclass
from datetime import datetime

from devhost.episode import Parent
from devhost.event import Event, EventType, execution_started, make_event


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledActivity:
    """An activity to run."""

    instance_id: str
    execution_id: str
    task_id: int
    name: str
    input_text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledTimer:
    """A durable timer to fire."""

    instance_id: str
    execution_id: str
    task_id: int
    fire_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInstance:
    """An orchestration to start: a client's, a child, or the next generation of one."""

    instance_id: str
    execution_id: str
    name: str
    version: str | None
    input_text: str | None
    parent: Parent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something a person should know about how the orchestrator is written; each kind is said once per instance."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one episode changes."""

    instance_id: str
    execution_id: str
    revision: int
    now: datetime
    status: str
    events: tuple[Event, ...] = ()
    consumed: tuple[int, ...] = ()
    activities: tuple[ScheduledActivity, ...] = ()
    timers: tuple[ScheduledTimer, ...] = ()
    cancelled_timers: tuple[int, ...] = ()
    children: tuple[NewInstance, ...] = ()
    parent: Parent | None = None
    parent_event: Event | None = None
    next_generation: NewInstance | None = None
    waits: tuple[str, ...] = ()
    custom_status_text: str | None = None
    output_text: str | None = None
    error_traceback: str = ""
    remarks: tuple[Remark, ...] = ()

    @property
    def is_terminal(self) -> bool:
        """Tell whether the instance ends with this turn."""
        return self.status in ("Completed", "Failed")


def tell_parent(parent: Parent, now: datetime, status: str, output_text: str | None) -> Event:
    """Build the event by which a parent hears of its child's end."""
    if status == "Completed":
        return make_event(EventType.CHILD_COMPLETED, now, TaskScheduledId=parent.task_id, Result=output_text)
    return make_event(
        EventType.CHILD_FAILED, now, TaskScheduledId=parent.task_id, Reason=output_text, Details=output_text
    )


def start_event(new: NewInstance, now: datetime) -> Event:
    """Build the first message of an execution."""
    parent = new.parent
    return execution_started(
        now,
        name=new.name,
        version=new.version,
        input_text=new.input_text,
        instance_id=new.instance_id,
        execution_id=new.execution_id,
        parent=None
        if parent is None
        else {
            "OrchestrationInstance": {"InstanceId": parent.instance_id, "ExecutionId": parent.execution_id},
            "Name": parent.name,
            "Version": None,
            "TaskScheduleId": parent.task_id,
        },
    )
