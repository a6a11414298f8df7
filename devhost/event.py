"""The events of an orchestration's history, in the form in which they are kept and handed to the SDK.

Enters: plain values. Leaves: one dict per event with the keys of the out-of-process protocol.
"""

from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, TypeAlias

Event: TypeAlias = dict[str, Any]


class EventType(IntEnum):
    """Numbers of the history events."""

    EXECUTION_STARTED = 0
    EXECUTION_COMPLETED = 1
    EXECUTION_TERMINATED = 3
    TASK_SCHEDULED = 4
    TASK_COMPLETED = 5
    TASK_FAILED = 6
    CHILD_CREATED = 7
    CHILD_COMPLETED = 8
    CHILD_FAILED = 9
    TIMER_CREATED = 10
    TIMER_FIRED = 11
    ORCHESTRATOR_STARTED = 12
    ORCHESTRATOR_COMPLETED = 13
    EVENT_RAISED = 15
    CONTINUED_AS_NEW = 16
    GENERIC = 17
    EXECUTION_SUSPENDED = 19
    EXECUTION_RESUMED = 20
    EXECUTION_REWOUND = 21


SCHEDULING = frozenset({EventType.TASK_SCHEDULED, EventType.CHILD_CREATED, EventType.TIMER_CREATED})
FAILURES = frozenset({EventType.TASK_FAILED, EventType.CHILD_FAILED})
COMPLETIONS = FAILURES | {EventType.TASK_COMPLETED, EventType.CHILD_COMPLETED, EventType.TIMER_FIRED}
# What the SDK acts upon; it skips the rest, and leaving the rest out saves two fifths of a replay.
REPLAYED = COMPLETIONS | {EventType.ORCHESTRATOR_STARTED, EventType.EXECUTION_STARTED, EventType.EVENT_RAISED}


def write_time(moment: datetime) -> str:
    """Write a moment as history and state file keep it: fixed width, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_time(text: str) -> datetime:
    """Read what `write_time` wrote."""
    return datetime.fromisoformat(text)


def make_event(kind: EventType, now: datetime, *, event_id: int = -1, **fields: Any) -> Event:
    """Build an event; the SDK requires these four keys on every one."""
    head = {"EventType": int(kind), "EventId": event_id, "IsPlayed": False, "Timestamp": write_time(now)}
    return head | fields


def execution_started(
    now: datetime,
    *,
    name: str,
    version: str | None,
    input_text: str | None,
    instance_id: str,
    execution_id: str,
    parent: dict[str, Any] | None = None,
) -> Event:
    """Build the event that begins an execution; `input_text` is raw JSON."""
    return make_event(
        EventType.EXECUTION_STARTED,
        now,
        Name=name,
        Version=version,
        Input=input_text,
        OrchestrationInstance={"InstanceId": instance_id, "ExecutionId": execution_id},
        ParentInstance=parent,
        Tags=None,
    )


def completed_task_id(event: Event) -> int | None:
    """Give the id of the task that a completion event ends."""
    if event["EventType"] not in COMPLETIONS:
        return None
    key = "TimerId" if event["EventType"] == EventType.TIMER_FIRED else "TaskScheduledId"
    return int(event[key])
