"""Replay an orchestrator over its history with the real SDK, and record its actions.

The SDK's answer does not contain the task ids, so this module overrides the method that counts them:
`_add_to_open_tasks`, a private name of azure-functions-durable 1.x.
"""

import json
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

from azure.durable_functions.models import DurableOrchestrationContext
from azure.durable_functions.models.actions.ActionType import ActionType
from azure.durable_functions.models.actions.NoOpAction import NoOpAction
from azure.durable_functions.models.history import HistoryEvent
from azure.durable_functions.models.Task import AtomicTask, TaskBase
from azure.durable_functions.models.TaskOrchestrationExecutor import TaskOrchestrationExecutor
from azure.functions import _durable_functions

from local.devhost.app.invocation import CALL_FAILURES, end_if_exit, user_traceback
from local.devhost.orchestration.action import Issued, Role, walk_leaves
from local.devhost.orchestration.event import REPLAYED, SCHEDULING, Event, EventType, read_time
from local.devhost.orchestration.failure import NET_STACK

# The limits that the Azure Storage provider sends: the SDK splits a longer timer.
_TIMERS = {"maximumShortTimerDuration": "6.00:00:00", "longRunningTimerIntervalDuration": "3.00:00:00"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """All actions of an orchestrator since its start, and its state.

    `next_input_text` is set if the orchestrator continues as new. `early` has the names of events that arrived when
    nothing waited for exactly that name. `hint` explains a failure whose own text says too little.
    """

    actions: Sequence[Any] = ()
    issued: tuple[Issued, ...] = ()
    waits: tuple[str, ...] = ()
    early: tuple[str, ...] = ()
    is_done: bool = False
    next_input_text: str | None = None
    output_text: str | None = None
    custom_status_text: str | None = None
    error: str | None = None
    error_traceback: str = ""
    hint: str = ""


def replay(orchestrator: Callable[[Any], Any], history: Sequence[Event], input_type: type | None = None) -> Replay:
    """Run the orchestrator over `history`, which ends with the new events; its errors become part of the result."""
    context, executor = _Context(history, input_type), copy(_EXECUTOR)
    executor.initialize()
    custom_status_text = output_text = None
    try:
        executor.execute(context, context.histories, orchestrator)
        if context.custom_status:
            # Inside a dict, as the SDK does: strict typing treats a single object differently.
            state = json.loads(_durable_functions.df_dumps({"customStatus": context.custom_status}))
            custom_status_text = json.dumps(state["customStatus"])
        if executor.output is not None:
            output_text = _write_output(executor)
    except CALL_FAILURES as raised:  # a function without yield, an output that is not JSON, or an error of the SDK
        end_if_exit(raised)
        return _explain_no_answer(raised, history)
    error = executor.exception
    (actions,) = context._actions
    listed = {id(action): action for action in walk_leaves(actions)}
    next_inputs = [it.input_ for it in listed.values() if it.action_type == ActionType.CONTINUE_AS_NEW]
    return Replay(
        actions=actions,
        # The SDK ignores what is yielded after continue_as_new.
        issued=tuple(task for task in context.recorded if id(task.action) in listed),
        waits=tuple(
            name
            for name, tasks in context.open_tasks.items()
            if isinstance(name, str)
            for _ in (tasks if isinstance(tasks, list) else [tasks])
        ),
        early=tuple(context.early),
        is_done=executor.orchestration_invocation_succeeded,
        next_input_text=next_inputs[-1] if next_inputs else None,
        output_text=output_text,
        custom_status_text=custom_status_text,
        error=None if error is None else str(error) or str(type(error)),
        error_traceback="" if error is None else user_traceback(error),
    )


def _write_output(executor: TaskOrchestrationExecutor) -> str:
    try:
        return json.dumps(executor.output)
    except Exception:
        TaskOrchestrationExecutor.get_orchestrator_state_str(executor)  # raises an error that contains the whole answer
        raise


def _explain_no_answer(error: BaseException, history: Sequence[Event]) -> Replay:
    """Return the replay of a call without an answer: it has no actions, so the scheduled tasks seem to be missing."""
    traceback = user_traceback(error)
    text = f"Result: Failure\nException: {type(error).__name__}: {error}\nStack: {traceback or NET_STACK}"
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        text = f"python exited with code {code} (0x{code:X})"
    elif any(event["EventType"] in SCHEDULING for event in history):
        hint = f"the SDK cannot continue, also on a real host: {type(error).__name__}: {error}"
        return Replay(error_traceback=traceback, hint=hint)
    return Replay(error=f"One or more errors occurred. ({text})", error_traceback=traceback)


class _ReplayedEvent(HistoryEvent):  # type: ignore[misc]
    """The SDK's event with the standard library's time parser; the SDK's own parser takes most of a replay's time."""

    def __init__(self, event: Event) -> None:
        self.Name = self.InstanceId = self.TaskScheduledId = self.Reason = self.Details = self.Input = None
        self.__dict__.update(event)
        self._event_type = event["EventType"]
        self._event_id = event["EventId"]
        self._is_played = event["IsPlayed"]
        self._timestamp = read_time(event["Timestamp"])
        self._is_processed = False


class _Context(DurableOrchestrationContext):  # type: ignore[misc]
    """The SDK's context over parsed events; it records the SDK's task numbers."""

    def __init__(self, history: Sequence[Event], input_type: type | None) -> None:
        events = [event for event in history if event["EventType"] in REPLAYED]
        started = events[1]
        parent = started["ParentInstance"]
        self._events = [_ReplayedEvent(event) for event in events]
        self.recorded: list[Issued] = []
        self.early: list[str] = []
        super().__init__(
            history=[],
            instanceId=started["OrchestrationInstance"]["InstanceId"],
            isReplaying=sum(event["EventType"] == EventType.ORCHESTRATOR_STARTED for event in events) > 1,
            parentInstanceId=parent["OrchestrationInstance"]["InstanceId"] if parent else None,
            input=json.loads(started["Input"]) if started["Input"] else None,
            upperSchemaVersion=1,
            upperSchemaVersionNew=3,
            **_TIMERS,
        )
        self._version = started["Version"]
        self._input_expected_type = input_type

    @property
    def histories(self) -> list[_ReplayedEvent]:
        return self._events

    def _add_to_open_tasks(self, task: TaskBase) -> None:
        if isinstance(task, AtomicTask) and task.id is None and not task._is_scheduled:
            # Record the number before the SDK's own step, which may apply an early completion and count on.
            self.recorded.append(_identify(task, self._sequence_number))
        super()._add_to_open_tasks(task)


class _Executor(TaskOrchestrationExecutor):  # type: ignore[misc]
    """The SDK's executor without its log, and without encoding every action of the execution each time."""

    def set_task_value(self, event: HistoryEvent, is_success: bool, id_key: str) -> None:
        # Keep an early completion for the task that gets its id, as the SDK does, but without the warning.
        key = getattr(event, id_key)
        if key in self.context.open_tasks:
            super().set_task_value(event, is_success, id_key)
        else:
            if event.event_type == EventType.EVENT_RAISED:
                self.context.early.append(key)
            self.context.deferred_tasks[key] = lambda: self.set_task_value(event, is_success, id_key)

    def get_orchestrator_state_str(self) -> str:
        return ""


_EXECUTOR = _Executor()  # a template to copy: building one takes as long as a short replay


def _identify(task: AtomicTask, task_id: int) -> Issued:
    action, policy = task._get_action(), task.parent
    if not isinstance(action, NoOpAction):
        return Issued(task_id=task_id, action=action)
    if action.metadata != "-WithRetry timer":
        return Issued(task_id=task_id, action=policy.actions, role=Role.RETRY_CALL)
    is_last = policy.num_attempts >= policy.retry_options.max_number_of_attempts
    return Issued(task_id=task_id, action=policy.actions, role=Role.RETRY_TIMER, is_last_attempt=is_last)
