"""Turns tasks with ids into the work and the events that an episode leaves behind.

Enters: the tasks that history does not hold yet. Leaves: a `Turn` that schedules them, still open at its end.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import NAMESPACE_OID, uuid5

from devhost.action import Issued, Kind, Role
from devhost.episode import Episode, Parent
from devhost.event import Event, make_event, write_time
from devhost.refusal import Rules, event_type
from devhost.replay import Replay
from devhost.turn import NewInstance, ScheduledActivity, ScheduledTimer, Turn


def schedule(episode: Episode, replay: Replay, issued: Sequence[Issued], known: frozenset[int], rules: Rules) -> Turn:
    """Schedule what is issued and not known."""
    instance = episode.stored.instance
    fresh = [task for task in issued if task.task_id not in known]
    children = {task.task_id: _new_child(episode, task, rules) for task in fresh if _is_child(task)}
    return Turn(
        instance_id=instance.instance_id,
        execution_id=instance.execution_id,
        revision=episode.stored.revision,
        now=episode.now,
        status="Running",
        events=(
            *episode.new_events,
            *(_scheduling_event(task, episode.now, children.get(task.task_id), rules) for task in fresh),
        ),
        consumed=episode.consumed,
        activities=tuple(_new_activity(episode, task) for task in fresh if not task.is_timer and not _is_child(task)),
        timers=tuple(_new_timer(episode, task) for task in fresh if task.is_timer and not task.leaf.cancelled),
        cancelled_timers=tuple(task.task_id for task in issued if task.leaf.cancelled),
        children=tuple(children.values()),
        waits=replay.waits,
        custom_status_text=replay.custom_status_text,
    )


def _is_child(task: Issued) -> bool:
    return task.leaf.kind is Kind.CHILD and not task.is_timer


def _scheduling_event(task: Issued, now: datetime, child: NewInstance | None, rules: Rules) -> Event:
    fields: dict[str, object] = {}
    if task.role is not Role.CALL:
        fields["IsRepeat"] = True  # devhost's own mark, for rewind
    if task.is_timer:
        fields["FireAt"] = write_time(_fire_at(task, now))
    elif child is not None:
        shown = child.input_text if rules.store_inputs else None
        fields |= {"Name": task.leaf.name, "Version": child.version, "InstanceId": child.instance_id, "Input": shown}
    else:
        shown = json.dumps([task.leaf.input_text]) if rules.store_inputs else None
        fields |= {"Name": task.leaf.name, "Version": "", "Input": shown}
    return make_event(event_type(task), now, event_id=task.task_id, **fields)


def _new_activity(episode: Episode, task: Issued) -> ScheduledActivity:
    instance = episode.stored.instance
    return ScheduledActivity(
        instance_id=instance.instance_id,
        execution_id=instance.execution_id,
        task_id=task.task_id,
        name=task.leaf.name,
        input_text=task.leaf.input_text,
    )


def _new_timer(episode: Episode, task: Issued) -> ScheduledTimer:
    instance = episode.stored.instance
    return ScheduledTimer(
        instance_id=instance.instance_id,
        execution_id=instance.execution_id,
        task_id=task.task_id,
        fire_at=_fire_at(task, episode.now),
    )


def _fire_at(task: Issued, now: datetime) -> datetime:
    if task.role is Role.RETRY_TIMER:
        assert task.leaf.retry is not None
        return now if task.is_last_attempt else now + task.leaf.retry.first_interval
    assert task.leaf.fire_at is not None
    return task.leaf.fire_at


def _new_child(episode: Episode, task: Issued, rules: Rules) -> NewInstance:
    instance = episode.stored.instance
    return NewInstance(
        instance_id=task.leaf.child_id or f"{instance.execution_id}:{task.task_id}",
        execution_id=derive_id(instance.execution_id, str(task.task_id)),
        name=rules.orchestrators[task.leaf.name.lower()],
        version=task.leaf.version or rules.default_version,
        input_text=encode_again(task.leaf.input_text),
        parent=Parent(
            instance_id=instance.instance_id,
            execution_id=instance.execution_id,
            name=instance.name,
            task_id=task.task_id,
        ),
    )


def encode_again(text: str | None) -> str | None:
    """Encode JSON text as JSON: the extension takes an action's input for a string, and `get_input` decodes twice."""
    return None if text is None else json.dumps(text)


def derive_id(execution_id: str, step: str) -> str:
    """Derive a new execution id, so that a turn decided twice is the same turn."""
    return uuid5(NAMESPACE_OID, f"{execution_id}/{step}").hex
