"""The public JSON form of an instance and of its history.

On the way: the task hub's records and raw persisted events enter; what the durable HTTP API shows of
them leaves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from devhost.instance import STATUS_NUMBERS, Instance

# By the event's number.
_EVENT_NAMES = (
    "ExecutionStarted",
    "ExecutionCompleted",
    "ExecutionFailed",
    "ExecutionTerminated",
    "TaskScheduled",
    "TaskCompleted",
    "TaskFailed",
    "SubOrchestrationInstanceCreated",
    "SubOrchestrationInstanceCompleted",
    "SubOrchestrationInstanceFailed",
    "TimerCreated",
    "TimerFired",
    "OrchestratorStarted",
    "OrchestratorCompleted",
    "EventSent",
    "EventRaised",
    "ContinueAsNew",
    "GenericEvent",
    "HistoryState",
    "ExecutionSuspended",
    "ExecutionResumed",
    "ExecutionRewound",
)
_STATUS_NAMES = {number: name for name, number in STATUS_NUMBERS.items()}
_EPISODE_MARKS = frozenset({"OrchestratorStarted", "OrchestratorCompleted"})
_CALLS = frozenset({"TaskScheduled", "SubOrchestrationInstanceCreated"})
_OUTCOMES = frozenset(
    {"TaskCompleted", "TaskFailed", "SubOrchestrationInstanceCompleted", "SubOrchestrationInstanceFailed"}
)
_HIDDEN = {
    "ExecutionStarted": ("Name", "OrchestrationInstance", "ParentInstance", "Version", "Tags"),
    "TimerFired": ("TimerId",),
}


def render_status(instance: Instance, *, show_input: bool) -> dict[str, Any]:
    """Return an instance as the durable HTTP API shows it, without its history."""
    return {
        "name": instance.name,
        "instanceId": instance.instance_id,
        "runtimeStatus": instance.status,
        "input": _value(instance.input_text) if show_input else None,
        "customStatus": _value(instance.custom_status_text),
        "output": _value(instance.output_text),
        "createdTime": _second(instance.created_time),
        "lastUpdatedTime": _second(instance.last_updated_time),
    }


def render_history(events: Iterable[Mapping[str, Any]], *, show_input: bool, show_output: bool) -> list[dict[str, Any]]:
    """Return the history with each call folded into its outcome, as the durable HTTP API shows it."""
    named = [(_EVENT_NAMES[event["EventType"]], event) for event in events]
    calls = {event["EventId"]: event for kind, event in named if kind in _CALLS}
    ended = {event["TaskScheduledId"] for kind, event in named if kind in _OUTCOMES}
    shown = []
    for kind, event in named:
        if kind in _EPISODE_MARKS or (kind in _CALLS and event["EventId"] in ended):
            continue
        shown.append(_render_event(kind, event, calls, show_input=show_input, show_output=show_output))
    return shown


def _render_event(
    kind: str, event: Mapping[str, Any], calls: Mapping[int, Mapping[str, Any]], *, show_input: bool, show_output: bool
) -> dict[str, Any]:
    hidden = {"EventType", "EventId", "IsPlayed", "IsRepeat", *_HIDDEN.get(kind, ())}
    rendered = {"EventType": kind, **{key: value for key, value in event.items() if key not in hidden}}
    if kind == "ExecutionStarted":
        rendered["FunctionName"] = event.get("Name")
    if kind == "ExecutionCompleted":
        rendered["OrchestrationStatus"] = _STATUS_NAMES.get(event["OrchestrationStatus"], "Unknown")
    call = calls.get(rendered.pop("TaskScheduledId", None))
    if call is not None:
        rendered |= {"ScheduledTime": call["Timestamp"], "FunctionName": call["Name"]}
        if call.get("Input") is not None:
            rendered["Input"] = call["Input"]
    if "Input" in rendered and not show_input:
        del rendered["Input"]
    elif rendered.get("Input") is not None:
        rendered["Input"] = _value(rendered["Input"])
    if "Result" in rendered and not show_output:
        del rendered["Result"]
    elif rendered.get("Result") is not None:
        rendered["Result"] = _value(rendered["Result"])
    return rendered


def _value(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _second(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
