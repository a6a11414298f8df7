"""What an orchestrator asked for, as plain frozen records: the SDK's action list without the SDK.

Enters: the SDK's action objects of one replay. Leaves: a tree of leaves and compounds, and the tasks issued from them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, TypeAlias

from azure.durable_functions.models.actions.ActionType import ActionType


class Kind(Enum):
    """What a leaf asks for."""

    ACTIVITY = "activity"
    CHILD = "sub-orchestration"
    TIMER = "timer"
    EVENT = "external event"
    CONTINUE = "continue_as_new"
    UNSUPPORTED = "unsupported"


class Role(Enum):
    """Why a task was issued: for the call itself, or for its retry policy."""

    CALL = "call"
    RETRY_TIMER = "retry timer"
    RETRY_CALL = "repeated call"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A retry policy; its interval is constant, for Python sends nothing else."""

    first_interval: timedelta
    max_attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One call. `number` tells apart two calls that look the same; the same call listed twice has one number."""

    number: int
    kind: Kind
    name: str
    input_text: str | None = None
    child_id: str | None = None
    version: str | None = None
    fire_at: datetime | None = None
    cancelled: bool = False
    retry: Retry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compound:
    """A task_all, a task_any, or the shell around one call with retry."""

    waits_for_all: bool
    children: tuple["Node", ...]


Node: TypeAlias = Leaf | Compound


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A task with its id: what history calls scheduled or created."""

    task_id: int
    leaf: Leaf
    role: Role = Role.CALL
    is_last_attempt: bool = False

    @property
    def is_timer(self) -> bool:
        """Tell whether history knows the task as a timer."""
        return self.leaf.kind is Kind.TIMER or self.role is Role.RETRY_TIMER

    @property
    def text(self) -> str:
        """Name the task for a reader."""
        if self.role is Role.CALL:
            return f"{self.leaf.kind.value} {self.leaf.name}".strip()
        return f"{self.role.value} of {self.leaf.kind.value} {self.leaf.name}"


class ActionReader:
    """Turns the SDK's action objects into nodes and remembers which object became which leaf."""

    def __init__(self) -> None:
        self._leaves: dict[int, Leaf] = {}

    def read(self, actions: Iterable[Any]) -> tuple[Node, ...]:
        """Turn a list of actions into nodes."""
        return tuple(self._node(action) for action in actions)

    def find(self, action: Any) -> Leaf | None:
        """Give the leaf of an action object, or None if the action list does not hold it."""
        return self._leaves.get(id(action))

    def _node(self, action: Any) -> Node:
        kind = action.action_type
        if kind in (ActionType.WHEN_ALL, ActionType.WHEN_ANY):
            return Compound(waits_for_all=kind == ActionType.WHEN_ALL, children=self.read(action.compound_tasks))
        leaf = self._leaves.get(id(action))
        if leaf is None:
            leaf = self._leaves[id(action)] = _read_leaf(action, len(self._leaves))
        return leaf


def walk_leaves(nodes: Iterable[Node]) -> Iterator[Leaf]:
    """Go through all leaves depth-first."""
    for node in nodes:
        if isinstance(node, Leaf):
            yield node
        else:
            yield from walk_leaves(node.children)


def _read_leaf(action: Any, number: int) -> Leaf:
    kind = action.action_type
    if kind in (ActionType.CALL_ACTIVITY, ActionType.CALL_ACTIVITY_WITH_RETRY):
        return Leaf(
            number=number,
            kind=Kind.ACTIVITY,
            name=action.function_name,
            input_text=action.input_,
            retry=_read_retry(action),
        )
    if kind in (ActionType.CALL_SUB_ORCHESTRATOR, ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY):
        return Leaf(
            number=number,
            kind=Kind.CHILD,
            name=action.function_name,
            input_text=action._input,
            child_id=action.instance_id,
            version=action.version,
            retry=_read_retry(action),
        )
    if kind == ActionType.CREATE_TIMER:
        # The protocol labels whatever time it is given as UTC without converting it.
        fire_at = action.fire_at.replace(tzinfo=UTC)
        return Leaf(number=number, kind=Kind.TIMER, name="", fire_at=fire_at, cancelled=action.is_cancelled)
    if kind == ActionType.WAIT_FOR_EXTERNAL_EVENT:
        return Leaf(number=number, kind=Kind.EVENT, name=action.external_event_name)
    if kind == ActionType.CONTINUE_AS_NEW:
        return Leaf(number=number, kind=Kind.CONTINUE, name="", input_text=action.input_)
    return Leaf(number=number, kind=Kind.UNSUPPORTED, name=ActionType(kind).name.lower())


def _read_retry(action: Any) -> Retry | None:
    options = getattr(action, "retry_options", None)
    if options is None:
        return None
    return Retry(
        first_interval=timedelta(milliseconds=options.first_retry_interval_in_milliseconds),
        max_attempts=options.max_number_of_attempts,
    )
