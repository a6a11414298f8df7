"""The public JSON form of an instance and of its history."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from local.devhost.orchestration.event import EventType
from local.devhost.orchestration.instance import STATUS_NUMBERS, Instance
from local.devhost.orchestration.value import read_json

_STATUS_NAMES = {number: name for name, number in STATUS_NUMBERS.items()}
_REPLAY_MARKS = frozenset({"OrchestratorStarted", "OrchestratorCompleted"})
_CALLS = frozenset({"TaskScheduled", "SubOrchestrationInstanceCreated"})
_ALWAYS_HIDDEN = frozenset({"EventId", "IsPlayed", "TaskScheduledId", "TimerId", "Version"})
_HIDDEN = {"ExecutionStarted": {"Name", "OrchestrationInstance", "ParentInstance", "Tags"}}


def render_status(instance: Instance, *, show_input: bool) -> dict[str, Any]:
    """Return an instance without its history."""
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
    """Return the history, in which one event shows a call together with its outcome."""
    named = [(EventType(event["EventType"]).name.title().replace("_", ""), event) for event in events]
    calls = {event["EventId"]: event for kind, event in named if kind in _CALLS}
    ended = {event.get("TaskScheduledId") for _, event in named}
    hidden = {name for name, shown in (("Input", show_input), ("Result", show_output)) if not shown}
    return [
        _render_event(kind, event, calls.get(event.get("TaskScheduledId")), hidden)
        for kind, event in named
        if kind not in _REPLAY_MARKS and not (kind in _CALLS and event["EventId"] in ended)
    ]


def _render_event(
    kind: str, event: Mapping[str, Any], call: Mapping[str, Any] | None, hidden: set[str]
) -> dict[str, Any]:
    rendered = {**event, "EventType": kind}
    if kind == "ExecutionStarted":
        rendered |= {"FunctionName": event.get("Name"), "GenerateNewTrace": False}
    if kind == "ExecutionCompleted":
        rendered["OrchestrationStatus"] = _STATUS_NAMES[event["OrchestrationStatus"]]
    if call is not None:
        scheduled = call["Timestamp"].removesuffix("Z") + "+00:00"
        rendered |= {"ScheduledTime": scheduled, "FunctionName": call["Name"], "Input": call["Input"]}
        if "InstanceId" in call:
            rendered["InstanceId"] = call["InstanceId"]
    if "Result" in rendered:
        rendered["Result"] = _value(rendered["Result"])  # inputs stay JSON text
    hidden = hidden | _ALWAYS_HIDDEN | _HIDDEN.get(kind, set())
    return {key: value for key, value in rendered.items() if key not in hidden}


def _value(text: str | None) -> Any:
    if text is None:
        return None
    text = read_json(text)
    try:
        return json.loads(text)
    except ValueError:
        return text


def _second(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
