"""Recorded orchestrations: repeat them on devhost, and give each recorded turn to the SDK alone."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir
from functools import partial
from typing import Any, TypeAlias, cast

from azure.durable_functions.orchestrator import Orchestrator

from local.devhost.app.loader import load_app
from local.devhost.orchestration.event import COMPLETIONS, EventType
from local.devhost.orchestration.replay import replay
from tests.real_host.exchanges import read
from tests.real_host.host import WEBHOOKS, Host, hosted
from tests.real_host.rows import APPS, Row, compare

Recording: TypeAlias = Mapping[str, Any]
Event: TypeAlias = dict[str, Any]
Events: TypeAlias = list[Event]

_PREFIXES = {"histories": "h-", "patterns": "p-"}
_TURN_MARKS = (EventType.ORCHESTRATOR_STARTED, EventType.ORCHESTRATOR_COMPLETED)
# The operation behind each external event, and the key of its text.
_OUTSIDE = {
    EventType.EXECUTION_TERMINATED: ("terminate", "Input"),
    EventType.EXECUTION_SUSPENDED: ("suspend", "Reason"),
    EventType.EXECUTION_RESUMED: ("resume", "Reason"),
}
_JSON = {"Content-Type": "application/json"}
# A call with retry beside other calls: which of them takes a number first depends on milliseconds.
_RACES = ("two_retries", "any_with_retry")
# The warnings of devhost where the real host fails silently: the patterns of docs/devhost.md.
_PARTS, _HANGS = "On the real host this instance completes with wrong results: ", "stays Running for ever"
_FALLS = (
    "starts only when the task_any yielded before it has ended, as on a real host. A window kept full with task_any"
)
_REPLACED = "arrived more than once before the orchestrator waited for it"
_WARNINGS = {
    "follow_up_with_retry": _PARTS,
    "separate_yield_of_a_part": _PARTS,
    "unknown-activity": _HANGS,
    "unknown_activity": _HANGS,
    "unknown_child": _HANGS,
    "window": _FALLS,
    "window_of_four": _FALLS,
    "ends_with_open_wait": "stays Running until the events that it waited for arrive (never), as on a real host",
    "taken_over": "stuck: the orchestrator waits for a task that cannot complete",
    "two-events-early": _REPLACED,
    "two events before two waits": _REPLACED,
    "event in another case": "'APPROVAL' is lost: the orchestrator waits for 'approval'",
    "continue-event": "event 'go' is lost, as on a real host: it was raised before continue_as_new",
}
_ENDED = ("Completed", "Failed", "Terminated")
_STACK, _STATE = "nStack: {stack}", "\n\n$OutOfProcData$"
_IDENTITY = ("EventType", "EventId", "TaskScheduledId", "TimerId", "Name")


def _play(app: str) -> list[Row]:
    recordings: Mapping[str, Recording] = read(app)
    with hosted(app) as host:
        for name, recording in recordings.items():
            host.start(recording["status"]["name"], _PREFIXES[app] + name, _input(recording))
            _drive(host, _PREFIXES[app] + name, recording)
        return [row for name, it in recordings.items() for row in _outcome(host, name, _PREFIXES[app] + name, it)]


def _input(recording: Recording) -> Any:
    started = recording["calls"][0]["received"]["history"][1]
    return None if started["Input"] is None else json.loads(started["Input"])


def _drive(host: Host, instance_id: str, recording: Recording) -> None:
    """Repeat the external operations, each when the instance's history is as long as it was then."""
    events = _generations(recording)[0]
    for number, event in enumerate(events):
        kind = event["EventType"]
        if kind == EventType.EVENT_RAISED or kind in _OUTSIDE:
            await_events(host, instance_id, number)
        if kind == EventType.EVENT_RAISED:
            assert raise_event(host, instance_id, event["Name"], event["Input"]) == 202
        elif kind in _OUTSIDE:
            operation, key = _OUTSIDE[kind]
            host.app.call(getattr(host.app.hub, operation)(instance_id, event[key]))
        elif kind == EventType.SUB_ORCHESTRATION_INSTANCE_FAILED and event["Details"] is None:
            child = f"{instance_id}-kid"  # terminated by hand
            await_events(host, instance_id, number)
            host.app.wait(child, lambda it: it.status == "Running")
            host.app.call(host.app.hub.terminate(child, event["Reason"]))


def raise_event(host: Host, instance_id: str, name: str, body: str) -> int:
    """Raise an event with the durable HTTP API and return the status code."""
    path = f"{WEBHOOKS}/instances/{instance_id}/raiseEvent/{name}"
    return int(host.send({"method": "POST", "path": path, "headers": _JSON, "body": body}, key="systemkey")["status"])


def await_events(host: Host, instance_id: str, count: int) -> None:
    """Wait until the history of an instance has this many events."""
    store = host.app.hub._store
    host.app.wait(instance_id, lambda it: len(_without_marks(store.history(instance_id))) >= count)


def check_warning(host: Host, case: str, instance_id: str) -> None:
    """Raise AssertionError if devhost's console lacks the warning of a case."""
    lines = [line for line in host.app.lines if f" {instance_id} · " in line]
    if case in _WARNINGS:
        assert any(_WARNINGS[case] in line for line in lines), f"{case}: no line has {_WARNINGS[case]!r}: {lines}"


def _outcome(host: Host, case: str, instance_id: str, recording: Recording) -> Iterator[Row]:
    real = host.marks.level(recording["status"])
    if real["runtimeStatus"] in _ENDED:
        host.app.wait(instance_id)
    else:
        host.app.rest()
    here = host.status(instance_id, "?showHistory=true&showHistoryOutput=true")["body"]
    for status in (real, here):
        status["historyEvents"] = _in_one_order(status.get("historyEvents", ()))
    yield from compare(case, "status", real, here)
    check_warning(host, case, instance_id)
    if "history_without_inputs_and_outputs" in recording:
        bare = host.marks.level(recording["history_without_inputs_and_outputs"])
        shown = host.status(instance_id, "?showHistory=true&showInput=false")["body"]["historyEvents"]
        yield from compare(case, "history without inputs and outputs", *map(_in_one_order, (bare, shown)))
    recorded = _generations(recording)[-1]
    both = (recorded, _without_marks(host.app.history(instance_id))[: len(recorded)])
    if case in _RACES:
        kinds = [sorted(f"{it['EventType']} {it.get('Name')}" for it in events) for events in both]
        yield from compare(case, "kinds", *kinds)
        return
    yield from compare(case, "order", *([_identify(it) for it in events if not _is_end(it)] for events in both))
    yield from compare(case, "ends", *(sorted(_identify(it) for it in events if _is_end(it)) for events in both))


def _in_one_order(events: Sequence[Event]) -> list[Event]:
    """Sort the events, because completions that arrive together have any order."""
    return sorted(events, key=lambda it: json.dumps(it, sort_keys=True))


def _is_end(event: Mapping[str, Any]) -> bool:
    return event["EventType"] in COMPLETIONS


def _generations(recording: Recording) -> list[Events]:
    """Return the input of the last turn of each execution of an instance."""
    instance_id = recording["status"]["instanceId"]
    last: dict[str, Events] = {}
    for call in recording["calls"]:
        received = call["received"]
        if received["instanceId"] == instance_id:
            execution_id = received["history"][1]["OrchestrationInstance"]["ExecutionId"]
            last[execution_id] = _without_marks(received["history"])
    return list(last.values())


def _without_marks(events: Events) -> Events:
    return [event for event in events if event["EventType"] not in _TURN_MARKS]


def _identify(event: Mapping[str, Any]) -> str:
    return " ".join(str(event[key]) for key in _IDENTITY if event.get(key) is not None)


def _give_turns(app: str) -> list[Row]:
    """Give each recorded turn to the SDK alone, and to devhost's replay."""
    with chdir(APPS / app):
        index = load_app(APPS / app)
    rows: list[Row] = []
    for name, recording in read(app).items():
        for number, call in enumerate(recording["calls"]):
            case, function = f"{name}, turn {number}", index.orchestrators[call["function"].lower()]
            orchestrator = cast("Any", function.user_function).orchestrator_function
            real = call.get("answered") or _cut(call["raised"], _STACK)
            rows += compare(case, "SDK", real, _ask_sdk(orchestrator, call["received"]))
            rows += compare(case, "devhost", _cut(real, _STATE), _replay(orchestrator, call["received"]))
    return rows


def _ask_sdk(orchestrator: Callable[[Any], Any], received: Any) -> Any:
    try:
        return json.loads(Orchestrator.create(orchestrator)(json.dumps(received)))
    except Exception as error:
        return _cut(f"{type(error).__name__}: {error}", _STACK)


def _replay(orchestrator: Callable[[Any], Any], received: Any) -> Any:
    answer = replay(orchestrator, received["history"])
    if answer.error is not None:
        return _cut(f"Exception: {answer.error}", _STACK)
    state = {"isDone": answer.is_done, "schemaVersion": 2, "actions": [[it.to_json() for it in answer.actions]]}
    for key, text in (("output", answer.output_text), ("customStatus", answer.custom_status_text)):
        if text is not None:
            state[key] = json.loads(text)
    return json.loads(json.dumps(state))


def _cut(answer: Any, mark: str) -> Any:
    """Return a text up to a mark: in four of the recorded texts all that follows a stack was taken for its rest."""
    return answer.partition(mark)[0] if isinstance(answer, str) else answer


PARTS: dict[str, Callable[[], list[Row]]] = {
    "histories": partial(_play, "histories"),
    "histories/turns": partial(_give_turns, "histories"),
    "patterns": partial(_play, "patterns"),
    "patterns/turns": partial(_give_turns, "patterns"),
}
