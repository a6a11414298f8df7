"""Decide the turn of one episode (`episode.py`): a pure function of history, actions and the present time."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from azure.durable_functions.models.actions.ActionType import ActionType

from local.devhost.orchestration.action import Issued, Role
from local.devhost.orchestration.episode import Activity, Episode, Timer, Turn
from local.devhost.orchestration.event import SCHEDULING, Event, EventType, make_event, write_time
from local.devhost.orchestration.extension import Walk, follow
from local.devhost.orchestration.instance import STATUS_NUMBERS, Instance, Parent
from local.devhost.orchestration.refusal import DRIFT, Rules, find_refusals
from local.devhost.orchestration.replay import Replay
from local.devhost.orchestration.value import read_json, read_text

# Maps a control event to the new status of the instance, and to the event's field with the reason.
_CONTROLS = {
    EventType.EXECUTION_SUSPENDED: ("Suspended", "Reason"),
    EventType.EXECUTION_RESUMED: ("Running", "Reason"),
    EventType.EXECUTION_TERMINATED: ("Terminated", "Input"),
}


def decide(episode: Episode, replay: Replay, rules: Rules) -> Turn:
    """Return the turn.

    1. Number the tasks as the extension does.
    2. Refuse what would break on the real host, or what devhost does not know.
    3. Schedule the tasks that are not in the history yet.
    4. End, continue as new, or wait: the end waits for every open activity, child and timer.

    A suspended instance has turns too, but steps 2 to 4 wait for the turn that resumes it.
    """
    walk = follow(replay.actions, chain(episode.history, episode.new_events))
    before = episode.instance
    status, output_text = _follow_controls(before, episode.new_events)
    turn = Turn(
        before=before,
        after=before.updated(episode.now, status=status, output_text=output_text, waits=()),
        events=[*episode.new_events],
        consumed=[*episode.consumed],
    )
    if replay.hint:
        turn.remarks["no answer"] = replay.hint
    refusal = next(find_refusals(episode, replay, walk.issued, rules), None)
    if status == "Terminated":
        _record_end(turn, episode)
    elif status == "Suspended":
        turn.after = replace(turn.after, waits=replay.waits)
    elif refusal is not None:
        _end(turn, episode, replay, refusal)
    else:
        is_open = any(task.task_id not in episode.ended and not task.is_cancelled for task in walk.issued)
        has_ended = replay.is_done or replay.error is not None
        _schedule(turn, episode, walk.issued, rules)
        _remark(turn, replay, walk, is_open, has_ended)
        # If the first turn of a generation sets no custom status, the one of the generation before it stays.
        is_next = before.status != "Pending" and not episode.history
        kept = before.custom_status_text if is_next else None
        turn.after = replace(turn.after, waits=replay.waits, custom_status_text=replay.custom_status_text or kept)
        if has_ended and not is_open and walk.is_finished:
            if replay.next_input_text is not None and replay.error is None:
                _continue_as_new(turn, episode, replay.next_input_text, walk)
            else:
                _end(turn, episode, replay, replay.error)
    turn.events.append(make_event(EventType.ORCHESTRATOR_COMPLETED, episode.now))
    return turn


def _follow_controls(before: Instance, events: Sequence[Event]) -> tuple[str, str | None]:
    """Return the status and output after suspensions, resumptions and a termination; the last reason is the output."""
    status, output_text = ("Suspended" if before.status == "Suspended" else "Running"), before.output_text
    for event in events:
        if event["EventType"] in _CONTROLS:
            status, key = _CONTROLS[event["EventType"]]
            output_text = output_text if event[key] is None else event[key]
            if status == "Terminated":
                break
    return status, output_text


def _schedule(turn: Turn, episode: Episode, issued: Sequence[Issued], rules: Rules) -> None:
    here = (turn.before.instance_id, turn.before.execution_id)
    stores_inputs = rules.settings.store_inputs_in_history
    turn.cancelled_timers = [task.task_id for task in issued if task.is_cancelled]
    known = {event["EventId"] for event in episode.history if event["EventType"] in SCHEDULING}
    for task in issued:
        if task.task_id in known:
            continue
        fields: dict[str, Any] = {}
        if task.event_type is EventType.TIMER_CREATED:
            fields["FireAt"] = write_time(_fire_at(task, episode.now))
            if not task.is_cancelled:
                turn.timers.append(Timer(*here, task.task_id, fields["FireAt"]))
        elif task.event_type is EventType.SUB_ORCHESTRATION_INSTANCE_CREATED:
            child = _new_child(episode, task)
            turn.children.append(child)
            shown = child.input_text if stores_inputs else None
            fields |= {"Name": task.name, "Version": None, "InstanceId": child.instance_id, "Input": shown}
            fields |= {"ClientSpanId": None, "Tags": None}
        else:
            turn.activities.append(Activity(*here, task.task_id, task.name, task.input_text))
            shown = json.dumps([task.input_text]) if stores_inputs else None
            fields |= {"Name": task.name, "Version": "", "Input": shown, "ParentTraceContext": None, "Tags": None}
        turn.events.append(make_event(task.event_type, episode.now, event_id=task.task_id, **fields))


def _fire_at(task: Issued, now: datetime) -> datetime:
    if task.role is Role.RETRY_TIMER:
        milliseconds = task.action.retry_options.first_retry_interval_in_milliseconds
        return now if task.is_last_attempt else now + timedelta(milliseconds=milliseconds)
    # The protocol marks any time as UTC without converting it.
    fire_at: datetime = task.action.fire_at.replace(tzinfo=UTC)
    return fire_at


def _new_child(episode: Episode, task: Issued) -> Instance:
    me = episode.instance
    (task.action.instance_id or "").encode()  # raise an error now if a commit could not write this id
    return Instance(
        instance_id=task.action.instance_id or f"{me.execution_id}:{task.task_id}",
        execution_id=_derive_id(me.execution_id, str(task.task_id)),
        name=task.name,
        input_text=_encode_again(task.input_text),
        created_time=episode.now,
        last_updated_time=episode.now,
        parent=Parent(instance_id=me.instance_id, execution_id=me.execution_id, name=me.name, task_id=task.task_id),
        trace_parent=me.trace_parent,
    )


def _remark(turn: Turn, replay: Replay, walk: Walk, is_open: bool, has_ended: bool) -> None:
    reached = {id(task.action) for task in walk.issued}
    held = next((task for task in replay.issued if id(task.action) not in reached), None)
    if held is not None:
        is_any = walk.blocked_by is not None and walk.blocked_by.action_type == ActionType.WHEN_ANY
        turn.remarks["held back"] = (
            f"'{held.text}' starts only when the {'task_any' if is_any else 'task_all or call'} yielded before it has "
            "ended, as on a real host. A window kept full with task_any loses its concurrency this way; windows that "
            "each end with task_all do not"
        )
    if has_ended and not is_open and not walk.is_finished:
        turn.remarks["unfinished"] = (
            "the orchestrator has ended, but the instance stays Running until the events that it waited for arrive "
            f"({', '.join(sorted(set(walk.waits)))}), as on a real host"
        )
    for name in replay.early:
        if replay.early.count(name) > 1:
            turn.remarks["replaced event"] = (
                f"event '{name}' arrived more than once before the orchestrator waited for it: the SDK keeps the last "
                "one and gives it to every later wait, as on a real host"
            )
        if wait := next((wait for wait in replay.waits if wait != name and wait.lower() == name.lower()), None):
            turn.remarks["event in another case"] = (
                f"event '{name}' is lost: the orchestrator waits for '{wait}', and the SDK distinguishes upper and "
                "lower case, as on a real host"
            )
    if not has_ended and not is_open and not replay.waits:
        turn.remarks["stuck"] = (
            "stuck: the orchestrator waits for a task that cannot complete. A task belongs to the last task_all "
            "or task_any built around it; an earlier task_all or task_any never ends"
        )


def _end(turn: Turn, episode: Episode, replay: Replay, error: str | None) -> None:
    if error is None:
        status, output_text = "Completed", replay.output_text and read_json(replay.output_text)
    else:
        head = "" if error.startswith(DRIFT) else f"Orchestrator function '{turn.before.name}' failed: "
        status, output_text = "Failed", read_text(head + error)
        turn.error_traceback = replay.error_traceback
    turn.after = replace(turn.after, status=status, output_text=output_text, waits=())
    _record_end(turn, episode)


def _record_end(turn: Turn, episode: Episode) -> None:
    turn.events.append(
        make_event(
            EventType.EXECUTION_COMPLETED,
            episode.now,
            event_id=sum(event["EventType"] in SCHEDULING for event in chain(episode.history, turn.events)),
            OrchestrationStatus=STATUS_NUMBERS[turn.after.status],
            Result=turn.after.output_text,
            FailureDetails=None,
        )
    )


def _continue_as_new(turn: Turn, episode: Episode, input_text: str, walk: Walk) -> None:
    turn.after = replace(
        turn.after,
        execution_id=_derive_id(turn.before.execution_id, "next"),
        input_text=_encode_again(input_text),
        created_time=episode.now,
        waits=(),
    )
    if walk.early.total():
        turn.remarks["lost event"] = (
            f"event '{next(walk.early.elements())}' is lost, as on a real host: it was raised before continue_as_new, "
            "and nothing had waited for it"
        )


def _encode_again(text: str) -> str:
    """Encode JSON text as JSON again: to the extension an action's input is a string, and `get_input` decodes twice."""
    return json.dumps(read_json(text))


def _derive_id(execution_id: str, step: str) -> str:
    """Derive a new execution id from the turn, so that deciding a turn twice gives the same turn."""
    return str(uuid5(NAMESPACE_OID, f"{execution_id}/{step}"))
