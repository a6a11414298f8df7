"""Takes back a failed execution: all that failed, and all that belongs to a retry, becomes a generic event.

Azure Storage rewinds the same way, but leaves the timers of a retry policy in place, and their ids then stand in the
way of whatever takes them next. Here they go as well, with the calls that the policy repeated.
"""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from devhost.event import COMPLETIONS, FAILURES, SCHEDULING, Event, EventType, completed_task_id
from devhost.instance import Instance


def plan_rewind(
    instance: Instance,
    load: Callable[[str], Instance | None],
    read_history: Callable[[str], Sequence[Event]],
) -> list[tuple[Instance, list[Event]]]:
    """Give the failed instance and the failed children that are still there, each with the history it goes on with."""
    history = read_history(instance.instance_id)
    failed = {
        completed_task_id(event)
        for event in history
        if event["EventType"] == EventType.SUB_ORCHESTRATION_INSTANCE_FAILED
    }
    revived: dict[int, Instance] = {}
    for event in history:
        if (
            event["EventType"] == EventType.SUB_ORCHESTRATION_INSTANCE_CREATED
            and event["EventId"] in failed
            and not event.get("IsRepeat")
        ):
            child = load(event["InstanceId"])
            if child is not None and child.status == "Failed" and child.parent is not None:
                parent = replace(child.parent, task_id=event["EventId"])
                if (parent.instance_id, parent.execution_id) == (instance.instance_id, instance.execution_id):
                    # All attempts of a retry share an id given by the app: the last is revived, the first is told.
                    revived[parent.task_id] = replace(child, parent=parent)
    planned = [(instance, _take_back(history, revived.keys()))]
    for child in revived.values():
        planned += plan_rewind(child, load, read_history)
    return planned


def _take_back(history: Sequence[Event], revived: AbstractSet[int]) -> list[Event]:
    repeats = {event["EventId"] for event in history if event.get("IsRepeat")}
    succeeded = {completed_task_id(event) for event in history if event["EventType"] in COMPLETIONS - FAILURES}
    kept = (succeeded - repeats) | revived
    return [event if _stays(event, kept) else _make_generic(event) for event in history]


def _stays(event: Event, kept: AbstractSet[int | None]) -> bool:
    kind = event["EventType"]
    if kind in SCHEDULING:
        return event["EventId"] in kept
    if kind in COMPLETIONS:
        return kind not in FAILURES and completed_task_id(event) in kept
    return bool(kind != EventType.EXECUTION_COMPLETED)


def _make_generic(event: Event) -> Event:
    head = {key: event[key] for key in ("EventId", "IsPlayed", "Timestamp")}
    return {"EventType": int(EventType.GENERIC_EVENT), **head, "Data": f"rewound: {EventType(event['EventType']).name}"}
