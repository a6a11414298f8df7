"""What one episode changes: what the store writes in one transaction and what is handed out afterwards."""

from dataclasses import dataclass, field
from typing import NamedTuple

from devhost.event import Event
from devhost.instance import Instance


class Activity(NamedTuple):
    """An activity to run."""

    instance_id: str
    execution_id: str
    task_id: int
    name: str
    input_text: str | None


class Timer(NamedTuple):
    """A durable timer to fire, at a moment as `write_time` gives it."""

    instance_id: str
    execution_id: str
    task_id: int
    fire_at: str


@dataclass(slots=True, kw_only=True)
class Turn:
    """What one episode makes of an instance; `remarks` tell a person, by kind, how its orchestrator is written."""

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
