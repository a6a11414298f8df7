"""Find the errors of an orchestrator that must fail its instance, even if its code continues."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from azure.durable_functions.models.actions.ActionType import ActionType

from local.devhost.orchestration.action import ACTIVITIES, CHILDREN, UNSUPPORTED, Issued, walk_leaves
from local.devhost.orchestration.episode import Episode
from local.devhost.orchestration.event import SCHEDULING, Event, EventType
from local.devhost.orchestration.replay import Replay
from local.devhost.settings import HostSettings

PARTED = "On the real host this instance completes with wrong results"
DRIFT = "Non-Deterministic workflow detected: "
# The limit of the custom status, in whole KB of UTF-16, rounded down.
_CUSTOM_STATUS_KB = 16
_KINDS: Mapping[int, str] = {
    EventType.TASK_SCHEDULED: "an activity",
    EventType.SUB_ORCHESTRATION_INSTANCE_CREATED: "a sub-orchestration",
    EventType.TIMER_CREATED: "a timer",
}
_WHY = "Was a change made to the orchestrator code after this instance had already started running?"
_HANGS = "on the real host the instance stays Running for ever, without an error that a try could catch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The facts about the host that a decision needs; the mappings have a function's name by its lower-case form."""

    activities: Mapping[str, str]
    orchestrators: Mapping[str, str]
    settings: HostSettings


def explain_unknown_function(name: str, kind: str, known: Mapping[str, str]) -> str:
    """Return the text that says that there is no such function, and names the existing functions."""
    names = ", ".join(f"'{declared}'" for declared in known.values())
    listed = f"The following are the known {kind} functions: {names}."
    return (
        f"The function '{name}' doesn't exist, is disabled, or is not an {kind} function. "
        f"Additional info: {listed if names else f'No {kind} functions are currently registered!'}"
    )


def find_refusals(episode: Episode, replay: Replay, issued: Sequence[Issued], rules: Rules) -> Iterator[str]:
    """Yield the reasons to fail the instance; a reason comes before the reasons that it may have caused."""
    for action in walk_leaves(replay.actions):
        if action.action_type in UNSUPPORTED:
            name = ActionType(action.action_type).name.lower()
            yield f"devhost does not run {name}: use an activity that does the same, or run this on a real host"
        if getattr(action, "version", None):
            name = action.function_name
            yield f"devhost does not support versions: call '{name}' without a version, or use a real host"
        retry = getattr(action, "retry_options", None)
        if retry is not None and retry.max_number_of_attempts < 1:
            yield f"'{action.function_name}' is called with {retry.max_number_of_attempts} attempts: {_HANGS}"
    yield from _partings(replay.issued, issued)
    taken = {it.instance_id for it in (episode.instance, episode.instance.parent) if it}
    for task in issued:
        kind, name = task.action.action_type, task.name
        if kind in ACTIVITIES and name.lower() not in rules.activities:
            yield f"{explain_unknown_function(name, 'activity', rules.activities)} Here it fails; {_HANGS}"
        if kind in CHILDREN and name.lower() not in rules.orchestrators:
            yield f"{explain_unknown_function(name, 'orchestrator', rules.orchestrators)} Here it fails; {_HANGS}"
        if kind in CHILDREN and task.action.instance_id in taken:
            yield f"sub-orchestration '{name}' has the instance id of its parent, '{task.action.instance_id}': {_HANGS}"
    most = rules.settings.max_orchestration_actions
    if len(issued) > most:
        yield f"more than {most} actions in one execution (maxOrchestrationActions)"
    custom_status = json.loads(replay.custom_status_text or "0")
    compact = json.dumps(custom_status, ensure_ascii=False, separators=(",", ":"))
    kilobytes = len(compact.encode("utf-16-le", "surrogatepass")) // 1024
    if kilobytes > _CUSTOM_STATUS_KB:
        yield (
            f"The UTF-16 size of the JSON-serialized payload must not exceed {_CUSTOM_STATUS_KB} KB. The current "
            f"payload size is {kilobytes} KB."
        )
    if replay.error is None or replay.actions:
        yield from _drifts(episode.history, issued)


def _partings(recorded: Sequence[Issued], issued: Sequence[Issued]) -> Iterator[str]:
    """Yield a reason if an id means one task to the SDK and another to the extension."""
    by_id = {task.task_id: task for task in issued}
    for task in recorded:
        other = by_id.get(task.task_id)
        if other is not None and (other.action is not task.action or other.role is not task.role):
            yield (
                f"{PARTED}: task {task.task_id} is '{other.text}' to the Durable extension and '{task.text}' to the "
                "Python SDK, and each result goes to the task that has its number in the SDK. The real host does not "
                "notice, so devhost fails the instance. Pattern: new work is yielded after a failed task_all in which "
                "calls with retry still go on, or a task was yielded alone before the task_all that contains it. Way "
                "out: after a failed task_all yield each of its tasks again before you call anything new; build a "
                "task_all only of tasks that were not yielded yet."
            )


def _drifts(history: Sequence[Event], issued: Sequence[Issued]) -> Iterator[str]:
    """Compare the scheduled tasks of the history with the tasks of the code."""
    by_id = {task.task_id: task for task in issued}
    for event in history:
        kind, name = event["EventType"], event.get("Name")
        if kind not in SCHEDULING:
            continue
        number, task = event["EventId"], by_id.get(event["EventId"])
        was = f"{DRIFT}A previous execution of this orchestration scheduled {_KINDS[kind]} task with sequence"
        if task is None:
            known = "" if name is None else f" and name '{name}' (version '{event['Version'] or ''}')"
            yield (
                f"{was} ID {number}{known}, but the current replay execution hasn't (yet?) scheduled this task. {_WHY}"
            )
        elif task.event_type != kind or (name is not None and task.name != name):
            known = "" if name is None else f" named '{name}'"
            named = "" if task.event_type is EventType.TIMER_CREATED else f" named '{task.name}'"
            yield (
                f"{was} number {number}{known}, but the current orchestration replay instead scheduled "
                f"{_KINDS[task.event_type]} task{named} with this sequence number.  {_WHY}"
            )
