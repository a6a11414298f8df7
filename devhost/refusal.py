"""Finds what an instance must fail for, whatever its orchestrator thinks.

Enters: the whole history, the replay, the tasks as numbered. Leaves: the reason, for people, or None.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from devhost.action import Issued, Kind, walk_leaves
from devhost.episode import Episode
from devhost.event import SCHEDULING, Event, EventType
from devhost.extension import explain_parting, find_parting
from devhost.replay import Replay

# 16 KB as UTF-16, counted in whole KB, so what is begun of the next one is free.
_CUSTOM_STATUS_KB = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the decision needs to know about the host; the mappings go from lower-case to declared names."""

    activities: Mapping[str, str]
    orchestrators: Mapping[str, str]
    lenient: bool = False
    store_inputs: bool = False
    default_version: str | None = None
    max_actions: int = 100_000


def find_refusal(
    whole: Sequence[Event], replay: Replay, issued: Sequence[Issued], rules: Rules, episode: Episode
) -> str | None:
    """Give the reason to fail the instance, or None.

    A parting of ids comes first: whatever else went wrong may be its consequence.
    """
    parting = find_parting(replay.issued, issued)
    if parting is not None:
        return explain_parting(*parting)
    for leaf in walk_leaves(replay.actions):
        if leaf.kind is Kind.UNSUPPORTED:
            return f"devhost does not run {leaf.name}: use an activity that does the same, or run this on a real host"
    for task in issued:
        reason = _refuse_task(task, rules, episode)
        if reason is not None:
            return reason
    if len(issued) > rules.max_actions:
        return f"more than {rules.max_actions} actions in one execution (maxOrchestrationActions)"
    kilobytes = _measure_custom_status(replay.custom_status_text)
    if kilobytes > _CUSTOM_STATUS_KB:
        return f"the custom status takes {kilobytes} KB as JSON in UTF-16; it may take {_CUSTOM_STATUS_KB}"
    return None if replay.error is not None else _find_drift(whole, issued)


def _measure_custom_status(text: str | None) -> int:
    if text is None:
        return 0
    compact = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    return len(compact.encode("utf-16-le", "surrogatepass")) // 1024


def _refuse_task(task: Issued, rules: Rules, episode: Episode) -> str | None:
    leaf = task.leaf
    known = rules.activities if leaf.kind is Kind.ACTIVITY else rules.orchestrators
    if leaf.kind in (Kind.ACTIVITY, Kind.CHILD) and leaf.name.lower() not in known:
        return explain_unknown_function(leaf.name, "activity" if leaf.kind is Kind.ACTIVITY else "orchestrator", known)
    if leaf.kind is Kind.CHILD and leaf.child_id:
        parent = episode.stored.parent
        if leaf.child_id in (episode.stored.instance.instance_id, parent.instance_id if parent else None):
            return f"sub-orchestration '{leaf.name}' may not have the instance id of its parent: '{leaf.child_id}'"
    return None


def explain_unknown_function(name: str, kind: str, known: Mapping[str, str]) -> str:
    """Say that no such function exists, and which ones do."""
    names = ", ".join(f"'{declared}'" for declared in sorted(known.values())) or "none"
    return (
        f"The function '{name}' doesn't exist, is disabled, or is not an {kind} function. "
        f"Additional info: The following are the known {kind} functions: {names}"
    )


def _find_drift(whole: Sequence[Event], issued: Sequence[Issued]) -> str | None:
    """Compare what history says was scheduled with what the code asks for now."""
    by_id = {task.task_id: task for task in issued}
    for event in whole:
        if event["EventType"] not in SCHEDULING:
            continue
        task = by_id.get(event["EventId"])
        if task is not None and (event_type(task), event_name(task)) == (event["EventType"], event.get("Name")):
            continue
        was = f"{EventType(event['EventType']).name} {event.get('Name') or ''}".strip()
        now = "nothing" if task is None else task.text
        return (
            f"Non-Deterministic workflow detected: history holds {was} as task {event['EventId']}, but the code asks "
            f"for {now} there. {_guess_drift(whole)}"
        )
    return None


def _guess_drift(whole: Sequence[Event]) -> str:
    if any(event["EventType"] == EventType.GENERIC for event in whole):
        return (
            "The instance was rewound, which takes back the failures that the code had caught as well: what came "
            "after them no longer fits. Start it again instead"
        )
    return "Was the orchestrator changed, or does it read clocks, random numbers or the outside?"


def event_type(task: Issued) -> EventType:
    """Give the event by which history knows that a task was issued."""
    if task.is_timer:
        return EventType.TIMER_CREATED
    return EventType.TASK_SCHEDULED if task.leaf.kind is Kind.ACTIVITY else EventType.CHILD_CREATED


def event_name(task: Issued) -> str | None:
    """Give the name under which history knows a task."""
    return None if task.is_timer else task.leaf.name
