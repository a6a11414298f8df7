"""The tasks that the actions of an orchestrator create; the actions are objects of the SDK."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from azure.durable_functions.models.actions.ActionType import ActionType

from local.devhost.orchestration.event import EventType
from local.devhost.orchestration.value import read_json

ACTIVITIES = (ActionType.CALL_ACTIVITY, ActionType.CALL_ACTIVITY_WITH_RETRY)
CHILDREN = (ActionType.CALL_SUB_ORCHESTRATOR, ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY)
COMPOUNDS = (ActionType.WHEN_ALL, ActionType.WHEN_ANY)
UNSUPPORTED = (ActionType.CALL_ENTITY, ActionType.CALL_HTTP, ActionType.SIGNAL_ENTITY)


class Role(Enum):
    """Why a task was issued: for the call itself, or for its retry policy."""

    CALL = "call"
    RETRY_TIMER = "retry timer"
    RETRY_CALL = "repeated call"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A task with its id; history has a scheduled or created event for it."""

    task_id: int
    action: Any
    role: Role = Role.CALL
    is_last_attempt: bool = False

    @property
    def event_type(self) -> EventType:
        """The history event that records the task."""
        kind = self.action.action_type
        if kind == ActionType.CREATE_TIMER or self.role is Role.RETRY_TIMER:
            return EventType.TIMER_CREATED
        return EventType.TASK_SCHEDULED if kind in ACTIVITIES else EventType.SUB_ORCHESTRATION_INSTANCE_CREATED

    @property
    def name(self) -> str:
        return str(getattr(self.action, "function_name", "timer"))

    @property
    def input_text(self) -> str:
        return read_json(str(self.action._input if self.action.action_type in CHILDREN else self.action.input_))

    @property
    def is_cancelled(self) -> bool:
        return bool(getattr(self.action, "is_cancelled", False))

    @property
    def text(self) -> str:
        """The task's name for messages."""
        if self.action.action_type == ActionType.CREATE_TIMER:
            return self.name
        kind = "activity" if self.action.action_type in ACTIVITIES else "sub-orchestration"
        role = "" if self.role is Role.CALL else f"{self.role.value} of "
        return f"{role}{kind} {self.name}"


def walk_leaves(actions: Iterable[Any]) -> Iterator[Any]:
    """Yield all actions that are not compound, depth-first."""
    for action in actions:
        if action.action_type in COMPOUNDS:
            yield from walk_leaves(action.compound_tasks)
        else:
            yield action
