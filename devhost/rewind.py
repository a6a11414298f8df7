"""Takes back a failed execution to where its failures had not happened yet.

Enters: a failed instance and its failed children, each with its history. Leaves: for each the history it goes on with,
in which all that failed, and all that belongs to a retry, has become a generic event and so is done again.

Azure Storage rewinds the same way, but leaves the timers of a retry policy in place, and their ids then stand in the
way of whatever takes them next. Here they go as well, with the calls that the policy repeated.
"""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from devhost.episode import Parent, StoredInstance
from devhost.event import COMPLETIONS, FAILURES, SCHEDULING, Event, EventType, completed_task_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewound:
    """One instance as it goes on; `parent` names the task by which it answers its parent now."""

    instance_id: str
    history: tuple[Event, ...]
    parent: Parent | None


def plan_rewind(
    stored: StoredInstance,
    load: Callable[[str], StoredInstance | None],
    read_history: Callable[[str], Sequence[Event]],
) -> list[Rewound]:
    """Plan for a failed instance and, deepest last, for the failed children that are still there."""
    instance = stored.instance
    history = read_history(instance.instance_id)
    failed = {completed_task_id(event) for event in history if event["EventType"] == EventType.CHILD_FAILED}
    revived: dict[int, StoredInstance] = {}
    for event in history:
        if event["EventType"] == EventType.CHILD_CREATED and event["EventId"] in failed and not event.get("IsRepeat"):
            child = load(event["InstanceId"])
            if child is not None and child.instance.status == "Failed" and _belongs(child, stored):
                revived[event["EventId"]] = child
    planned = [
        Rewound(
            instance_id=instance.instance_id,
            history=tuple(_rewind_history(history, revived.keys())),
            parent=stored.parent,
        )
    ]
    for task_id, child in revived.items():
        assert child.parent is not None
        # An id given by the app is shared by all attempts of a retry: the last of them is revived, the first is told.
        answering = replace(child, parent=replace(child.parent, task_id=task_id))
        planned += plan_rewind(answering, load, read_history)
    return planned


def _belongs(child: StoredInstance, stored: StoredInstance) -> bool:
    instance, parent = stored.instance, child.parent
    return parent is not None and (parent.instance_id, parent.execution_id) == (
        instance.instance_id,
        instance.execution_id,
    )


def _rewind_history(history: Sequence[Event], revived: AbstractSet[int]) -> list[Event]:
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
    return {"EventType": int(EventType.GENERIC), **head, "Data": f"rewound: {EventType(event['EventType']).name}"}
