"""The records of one replay of an orchestrator: an episode is the input of the replay, a turn is its result."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from local.devhost.orchestration.event import Event, EventType, completed_task_id, make_event
from local.devhost.orchestration.instance import Instance


class Message(NamedTuple):
    """One row of an inbox; `execution_id` is None if any execution of the instance may take it."""

    number: int
    execution_id: str | None
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """The input of one replay: everything on which the turn depends.

    `ended` has the ids of all ended tasks, `consumed` the numbers of the messages that leave the inbox.
    """

    instance: Instance
    history: Sequence[Event]
    new_events: list[Event]
    ended: AbstractSet[int | None]
    consumed: list[int]
    now: datetime


class Activity(NamedTuple):
    """An activity to run."""

    instance_id: str
    execution_id: str
    task_id: int
    name: str
    input_text: str | None


class Timer(NamedTuple):
    """A durable timer, due at a time in the form of `write_time`."""

    instance_id: str
    execution_id: str
    task_id: int
    fire_at: str


@dataclass(slots=True, kw_only=True)
class Turn:
    """The result of one episode; `remarks` maps a kind to a message about how the orchestrator is written."""

    before: Instance
    after: Instance
    events: list[Event]
    consumed: list[int]
    activities: list[Activity] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)
    cancelled_timers: list[int] = field(default_factory=list)
    children: list[Instance] = field(default_factory=list)
    remarks: dict[str, str] = field(default_factory=dict)
    error_traceback: str = ""

    @property
    def continues_as_new(self) -> bool:
        return self.after.execution_id != self.before.execution_id


def open_episode(
    instance: Instance, history: Sequence[Event], inbox: Sequence[Message], now: datetime
) -> Episode | None:
    """Return the episode that delivers the inbox's messages to this execution, oldest first; None without messages."""
    ended = {completed_task_id(event) for event in history}
    timers = (event for event in history if event["EventType"] == EventType.TIMER_CREATED)
    created = {event["EventId"]: event["Timestamp"] for event in timers}
    delivered: list[Event] = []
    # An execution also gets the messages that arrived before its start event, but the start event comes first.
    by_kind = sorted(inbox, key=lambda message: message.event["EventType"] != EventType.EXECUTION_STARTED)
    for _, execution_id, event in by_kind:
        if execution_id not in (None, instance.execution_id):
            continue  # for an earlier generation
        task_id = completed_task_id(event)
        if event["EventType"] == EventType.TIMER_FIRED:
            # The event has the time when its timer was created; OrchestratorStarted has the time when it fired.
            event = event | {"Timestamp": created.get(task_id, event["Timestamp"])}
        if task_id is None or task_id not in ended:
            ended.add(task_id)
            delivered.append(event)
    if not delivered:
        return None
    return Episode(
        instance=instance,
        history=history,
        new_events=[make_event(EventType.ORCHESTRATOR_STARTED, now), *delivered],
        ended=ended,
        consumed=[message.number for message in inbox],
        now=now,
    )
