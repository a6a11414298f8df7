"""Runs an orchestrator over its history with the real SDK and records what it asked for.

Enters: the history of one execution, the last episode's new events at its end. Leaves: a `Replay`: the actions, the
ids the SDK gave them, the open event waits, and how the orchestrator ended, if it did.

The SDK never says its ids in its answer. So this drives it in process and listens at the two places where it counts
(`_add_to_open_tasks`, `_record_fire_and_forget_action`); they are private names of azure-functions-durable 1.x.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from azure.durable_functions.models import DurableOrchestrationContext
from azure.durable_functions.models.actions.NoOpAction import NoOpAction
from azure.durable_functions.models.history import HistoryEvent
from azure.durable_functions.models.OrchestratorState import OrchestratorState
from azure.durable_functions.models.Task import AtomicTask, TaskBase
from azure.durable_functions.models.TaskOrchestrationExecutor import TaskOrchestrationExecutor
from azure.functions import _durable_functions

from devhost.action import ActionReader, Issued, Kind, Node, Role, walk_leaves
from devhost.event import REPLAYED, Event, read_time
from devhost.invocation import user_traceback

# One-time notices about the SDK's own codec: nothing that the author of an app can act upon, and in a program that
# turns warnings into errors the first orchestration would fail by them.
_durable_functions._no_expected_type_notice_emitted = True
_durable_functions._loose_codec_notice_emitted = True

_NESTED = (
    "Pattern: a task_all inside another task_all or task_any has failed, and the rest of it ended later; the SDK "
    "cannot go on from there, on a real host neither. Way out: do not nest what may fail, or put it into a "
    "sub-orchestration."
)
_DEEP = (
    "Pattern, unless the code recurses by itself: about a thousand tasks that have ended are yielded one by one, "
    "and each costs the SDK a level of recursion, on a real host too. Way out: fewer tasks in one generation, or "
    "sub-orchestrations."
)
_NO_TASK = (
    "Pattern: the orchestrator yields something that is no task. Way out: yield only what the context gives, as "
    "call_activity or task_all do; return a result instead of yielding it."
)
_RETRY_TIMER = "-WithRetry timer"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRequest:
    """All that a replay depends on."""

    orchestrator: Callable[[Any], Any]
    input_type: type | None
    instance_id: str
    parent_instance_id: str | None
    history: Sequence[Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What an orchestrator asked for since its start, and how it stands."""

    actions: tuple[Node, ...] = ()
    issued: tuple[Issued, ...] = ()
    waits: tuple[str, ...] = ()
    is_done: bool = False
    continues: bool = False
    next_input_text: str | None = None
    output_text: str | None = None
    custom_status_text: str | None = None
    error: str | None = None
    error_traceback: str = ""


def replay(request: ReplayRequest) -> Replay:
    """Run the orchestrator over the history; its own errors become part of the answer."""
    context = _build_context(request)
    executor = _Executor()
    state: dict[str, Any] = {}
    error: BaseException | None = None
    try:
        state = json.loads(executor.execute(context, context.histories, request.orchestrator))
        error = executor.exception
    except Exception as raised:  # a non-generator's error, or one of the SDK's own making
        error = raised
    return _describe(context, state, error)


class _Context(DurableOrchestrationContext):  # type: ignore[misc]
    """The SDK's context, listening to its counter, over events that were read already."""

    def __init__(self, events: "list[_ReplayedEvent]", **fields: Any) -> None:
        self._events = events
        self.recorded: list[tuple[int, Any, Role, bool]] = []
        super().__init__(history=[], **fields)

    @property
    def histories(self) -> "list[_ReplayedEvent]":
        return self._events

    def _add_to_open_tasks(self, task: TaskBase) -> None:
        counted = isinstance(task, AtomicTask) and task.id is None and not task._is_scheduled
        if counted:
            # Before the SDK's own step: that may apply a completion which came early and count on.
            self.recorded.append((self._sequence_number, *_classify(task)))
        super()._add_to_open_tasks(task)


_EXECUTOR = TaskOrchestrationExecutor()


class _Executor(TaskOrchestrationExecutor):  # type: ignore[misc]
    """The SDK's executor, quiet, and without the cost of writing out every action of the execution each time."""

    output: Any
    exception: BaseException | None

    def __init__(self) -> None:
        self.__dict__.update(_EXECUTOR.__dict__)  # what the SDK builds here takes as long as a short replay
        self.initialize()

    def set_task_value(self, event: HistoryEvent, is_success: bool, id_key: str) -> None:
        # What came early is kept for the task that takes its id, as the SDK does, but without its warning: where
        # warnings are errors, that would fail the orchestration.
        key = getattr(event, id_key)
        if key in self.context.open_tasks:
            super().set_task_value(event, is_success, id_key)
        else:
            self.context.deferred_tasks[key] = lambda: self.set_task_value(event, is_success, id_key)

    def get_orchestrator_state_str(self) -> str:
        if self.output is not None and self.exception is None:
            try:
                json.dumps(self.output)
            except Exception as error:
                self.output, self.exception = None, error
        state = OrchestratorState(
            is_done=self.orchestration_invocation_succeeded,
            actions=[],
            output=self.output,
            replay_schema=self.context._replay_schema,
            custom_status=self.context.custom_status,
        )
        return str(state.to_json_string())


class _ReplayedEvent(HistoryEvent):  # type: ignore[misc]
    """The SDK's event with the standard library's time parser: the SDK's own takes most of a replay."""

    def __init__(self, event: Event) -> None:
        self.Name = self.InstanceId = self.TaskScheduledId = self.Reason = self.Details = self.Input = None
        self.__dict__.update(event)
        self._event_type = event["EventType"]
        self._event_id = event["EventId"]
        self._is_played = event["IsPlayed"]
        self._timestamp = read_time(event["Timestamp"])
        self._is_processed = False


def _build_context(request: ReplayRequest) -> _Context:
    events = [event for event in request.history if event["EventType"] in REPLAYED]
    started = events[1]
    context = _Context(
        [_ReplayedEvent(event) for event in events],
        instanceId=request.instance_id,
        isReplaying=False,
        parentInstanceId=request.parent_instance_id,
        input=json.loads(started["Input"]) if started["Input"] else None,
        upperSchemaVersion=1,
        upperSchemaVersionNew=2,
    )
    context._version = started["Version"]
    context._input_expected_type = request.input_type
    return context


def _classify(task: AtomicTask) -> tuple[Any, Role, bool]:
    """Say for which action a task is counted, why, and whether it is the policy's last wait."""
    action = task._get_action()
    if not isinstance(action, NoOpAction):
        return action, Role.CALL, False
    policy = task.parent
    if action.metadata == _RETRY_TIMER:
        return policy.actions, Role.RETRY_TIMER, policy.num_attempts >= policy.retry_options.max_number_of_attempts
    return policy.actions, Role.RETRY_CALL, False


def _describe(context: _Context, state: dict[str, Any], error: BaseException | None) -> Replay:
    reader = ActionReader()
    actions = reader.read(context._actions[0])
    issued = []
    for task_id, action, role, is_last in context.recorded:
        leaf = reader.find(action)  # None for what was yielded after continue_as_new: the SDK drops it
        if leaf is not None:
            issued.append(Issued(task_id=task_id, leaf=leaf, role=role, is_last_attempt=is_last))
    continuing = [leaf for leaf in walk_leaves(actions) if leaf.kind is Kind.CONTINUE]
    return Replay(
        actions=actions,
        issued=tuple(issued),
        waits=_open_waits(context),
        is_done=bool(state.get("isDone")),
        continues=bool(continuing),
        next_input_text=continuing[-1].input_text if continuing else None,
        output_text=json.dumps(state["output"]) if "output" in state else None,
        custom_status_text=json.dumps(state["customStatus"]) if "customStatus" in state else None,
        error=None if error is None else _explain(error),
        error_traceback="" if error is None else user_traceback(error),
    )


def _explain(error: BaseException) -> str:
    """Give the error's text, and for the SDK's own traps what they are about."""
    text = str(error) or str(type(error))
    if isinstance(error, RecursionError):
        return f"{text}. {_DEEP}"
    if "has no attribute '_is_scheduled'" in text:
        return f"{text}. {_NO_TASK}"
    return f"{text} {_NESTED}" if "does not have pending sub-task" in text else text


def _open_waits(context: _Context) -> tuple[str, ...]:
    names: list[str] = []
    for key, tasks in context.open_tasks.items():
        if isinstance(key, str):
            names.extend([key] * (len(tasks) if isinstance(tasks, list) else 1))
    return tuple(names)
