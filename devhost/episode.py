"""Chooses what an orchestrator is told next.

Enters: an instance, its history and its inbox. Leaves: an `Episode`, the events to deliver and the rows used up, or
None when nothing in the inbox concerns the orchestrator yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from devhost.event import Event, EventType, completed_task_id, make_event
from devhost.instance import Instance


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """Who waits for a sub-orchestration."""

    instance_id: str
    execution_id: str
    name: str
    task_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredInstance:
    """An instance with what only the engine needs; `revision` counts the writes to it."""

    instance: Instance
    revision: int
    parent: Parent | None
    waits: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One row of an inbox; `execution_id` is None for what any execution of the instance may take."""

    number: int
    execution_id: str | None
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One run of an orchestrator: all that the decision about it depends on."""

    stored: StoredInstance
    history: Sequence[Event]
    new_events: tuple[Event, ...]
    consumed: tuple[int, ...]
    held: tuple[Message, ...]
    now: datetime


def open_episode(
    stored: StoredInstance, history: Sequence[Event], inbox: Sequence[Message], now: datetime
) -> Episode | None:
    """Pick from the inbox, oldest first, what can be delivered.

    An external event is delivered only to an open wait of its name: the SDK's own buffer keeps one event per name and
    then hands it out for ever.
    """
    ended = {completed_task_id(event) for event in history}
    waits = list(stored.waits)
    delivered: list[Event] = []
    consumed: list[int] = []
    held: list[Message] = []
    for message in inbox:
        event = message.event
        if event["EventType"] == EventType.EVENT_RAISED:
            matched = _match_wait(event, waits)
            if matched is None:
                held.append(message)
                continue
            event = matched
        consumed.append(message.number)
        if message.execution_id not in (None, stored.instance.execution_id):
            continue  # addressed to an earlier generation
        task_id = completed_task_id(event)
        if task_id is None:
            delivered.append(event)
        elif task_id not in ended:
            ended.add(task_id)
            delivered.append(event)
    if not delivered:
        return None
    return Episode(
        stored=stored,
        history=history,
        new_events=(make_event(EventType.ORCHESTRATOR_STARTED, now), *delivered),
        consumed=tuple(consumed),
        held=tuple(held),
        now=now,
    )


def _match_wait(event: Event, waits: list[str]) -> Event | None:
    wanted = event["Name"].lower()
    for position, name in enumerate(waits):
        if name.lower() == wanted:
            del waits[position]
            return event | {"Name": name}
    return None
