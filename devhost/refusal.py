"""Finds what an instance must fail for, whatever its orchestrator thinks."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from azure.durable_functions.models.actions.ActionType import ActionType

from devhost.action import ACTIVITIES, CHILDREN, UNSUPPORTED, Issued, walk_leaves
from devhost.episode import Episode
from devhost.event import SCHEDULING, Event, EventType
from devhost.replay import Replay
from devhost.settings import HostSettings

# Counted in whole KB of UTF-16: what is begun of the next one is free.
_CUSTOM_STATUS_KB = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the decision needs to know about the host; the mappings go from lower-case to declared names."""

    activities: Mapping[str, str]
    orchestrators: Mapping[str, str]
    settings: HostSettings


def explain_unknown_function(name: str, kind: str, known: Mapping[str, str]) -> str:
    """Say that no such function exists, and which ones do."""
    names = ", ".join(f"'{declared}'" for declared in known.values())
    listed = f"The following are the known {kind} functions: {names}."
    return (
        f"The function '{name}' doesn't exist, is disabled, or is not an {kind} function. "
        f"Additional info: {listed if names else f'No {kind} functions are currently registered!'}"
    )


def find_refusals(episode: Episode, replay: Replay, issued: Sequence[Issued], rules: Rules) -> Iterator[str]:
    """Give the reasons to fail the instance; what may have caused the others comes first."""
    for action in walk_leaves(replay.actions):
        if action.action_type in UNSUPPORTED:
            name = ActionType(action.action_type).name.lower()
            yield f"devhost does not run {name}: use an activity that does the same, or run this on a real host"
    yield from _partings(replay.issued, issued)
    taken = {it.instance_id for it in (episode.instance, episode.instance.parent) if it}
    for task in issued:
        kind, name = task.action.action_type, task.name
        if kind in ACTIVITIES and name.lower() not in rules.activities:
            yield explain_unknown_function(name, "activity", rules.activities)
        if kind in CHILDREN and name.lower() not in rules.orchestrators:
            yield explain_unknown_function(name, "orchestrator", rules.orchestrators)
        child_id = task.action.instance_id if kind in CHILDREN else None
        if child_id in taken:
            yield f"sub-orchestration '{name}' may not have the instance id of its parent: '{child_id}'"
        if str(child_id).startswith("@"):
            yield f"sub-orchestration '{name}' may not have the instance id '{child_id}': those with @ are entities"
    most = rules.settings.max_orchestration_actions
    if len(issued) > most:
        yield f"more than {most} actions in one execution (maxOrchestrationActions)"
    custom_status = json.loads(replay.custom_status_text or "0")
    compact = json.dumps(custom_status, ensure_ascii=False, separators=(",", ":"))
    kilobytes = len(compact.encode("utf-16-le", "surrogatepass")) // 1024
    if kilobytes > _CUSTOM_STATUS_KB:
        yield f"the custom status takes {kilobytes} KB as JSON in UTF-16; it may take {_CUSTOM_STATUS_KB}"
    if replay.error is None:
        yield from _drifts(episode.history, issued)


def _partings(recorded: Sequence[Issued], issued: Sequence[Issued]) -> Iterator[str]:
    """Find an id that means one task to the SDK and another to the extension."""
    by_id = {task.task_id: task for task in issued}
    for task in recorded:
        other = by_id.get(task.task_id)
        if other is not None and (other.action is not task.action or other.role is not task.role):
            yield (
                f"Non-deterministic on a real host: task {task.task_id} is '{other.text}' to the Durable extension and "
                f"'{task.text}' to the Python SDK. Pattern: new work is yielded after a task_any or a failed task_all "
                "in which calls with retry are still going on; the extension waits for them. Way out: after a failed "
                "task_all yield each of its tasks again before anything new is called; put no calls with retry into a "
                "task_any that is left early; or run devhost --lenient, which follows the SDK."
            )


def _drifts(history: Sequence[Event], issued: Sequence[Issued]) -> Iterator[str]:
    """Compare what history says was scheduled with what the code asks for now."""
    by_id = {task.task_id: task for task in issued}
    for event in history:
        kind, name = event["EventType"], event.get("Name")
        if kind not in SCHEDULING:
            continue
        task = by_id.get(event["EventId"])
        if task is None or task.event_type != kind or (name is not None and task.name != name):
            was = f"{EventType(kind).name} {name or ''}".strip()
            now = "nothing" if task is None else task.text
            yield (
                f"Non-Deterministic workflow detected: history holds {was} as task {event['EventId']}, but the code "
                f"asks for {now} there. {_guess_drift(history)}"
            )


def _guess_drift(history: Sequence[Event]) -> str:
    if any(event["EventType"] == EventType.GENERIC_EVENT for event in history):
        return (
            "The instance was rewound, which takes back failures that the code had caught, too: what came after them "
            "no longer fits. Start it again instead"
        )
    return "Was the orchestrator changed, or does it read clocks, random numbers or the outside?"
