"""Decides what follows from one episode: a pure function of history, actions and now.

Enters: the episode, the replay of the orchestrator over it, the host's rules. Leaves: a `Turn`.
"""

from dataclasses import replace

from devhost.episode import Episode, Message
from devhost.event import COMPLETIONS, SCHEDULING, Event, EventType, completed_task_id, make_event
from devhost.extension import Progress, explain_held_back, follow
from devhost.instance import STATUS_NUMBERS
from devhost.refusal import Rules, find_refusal
from devhost.replay import Replay
from devhost.scheduling import derive_id, encode_again, schedule
from devhost.turn import NewInstance, Remark, Turn, tell_parent

_STUCK = (
    "stuck: the orchestrator waits for a task that nothing can complete. A task belongs to the last task_all or "
    "task_any built around it; an earlier one around the same task never ends"
)
_UNFINISHED = (
    "the orchestrator has ended, but the instance stays Running until the events it began to wait for have come "
    "({names}), as on a real host"
)
_LOST = "event '{name}' was raised before continue_as_new and not waited for: lost, as on a real host"


def decide(episode: Episode, replay: Replay, rules: Rules) -> Turn:
    """Derive the turn.

    1. Number the tasks: as the extension does, or in lenient mode as the SDK did.
    2. Refuse what the real host would break or devhost does not know.
    3. Schedule the tasks that history does not hold yet.
    4. End, continue as new, or stay: an ending waits for every open activity, child and timer.
    """
    whole = [*episode.history, *episode.new_events]
    progress = None if rules.lenient else follow(replay.actions, whole)
    issued = replay.issued if progress is None else progress.issued
    refusal = find_refusal(whole, replay, issued, rules, episode)
    if refusal is not None:
        return _fail_at_once(episode, replay, refusal, rules)
    known = frozenset(event["EventId"] for event in whole if event["EventType"] in SCHEDULING)
    ended = {completed_task_id(event) for event in whole if event["EventType"] in COMPLETIONS}
    is_open = any(task.task_id not in ended and not task.leaf.cancelled for task in issued)
    has_ended = replay.is_done or replay.error is not None
    turn = schedule(episode, replay, issued, known, rules)
    turn = replace(turn, remarks=_remarks(replay, progress, is_open, has_ended))
    if not has_ended or is_open or not (progress is None or progress.is_finished):
        return _close_episode(turn)
    if replay.error is not None:
        return _end(episode, turn, "Failed", _failure_text(episode, replay.error), replay.error_traceback)
    if replay.continues:
        return _continue_as_new(episode, turn, replay, rules)
    return _end(episode, turn, "Completed", replay.output_text, "")


def _remarks(replay: Replay, progress: Progress | None, is_open: bool, has_ended: bool) -> tuple[Remark, ...]:
    remarks = []
    if progress is not None:
        reached = {task.leaf.number for task in progress.issued}
        held = [task for task in replay.issued if task.leaf.number not in reached]
        if held:
            remarks.append(Remark(kind="held back", text=explain_held_back(held[0], progress.blocked_by)))
        if has_ended and not is_open and not progress.is_finished:
            names = ", ".join(sorted(set(progress.waits)))
            remarks.append(Remark(kind="unfinished", text=_UNFINISHED.format(names=names)))
    if not has_ended and not is_open and not replay.waits:
        remarks.append(Remark(kind="stuck", text=_STUCK))
    return tuple(remarks)


def _close_episode(turn: Turn, *endings: Event) -> Turn:
    last = make_event(EventType.ORCHESTRATOR_COMPLETED, turn.now)
    return replace(turn, events=(*turn.events, *endings, last))


def _failure_text(episode: Episode, error: str) -> str:
    return f"Orchestrator function '{episode.stored.instance.name}' failed: {error}"


def _fail_at_once(episode: Episode, replay: Replay, reason: str, rules: Rules) -> Turn:
    turn = replace(schedule(episode, replay, (), frozenset(), rules), custom_status_text=None)
    return _end(episode, turn, "Failed", _failure_text(episode, reason), replay.error_traceback)


def _end(episode: Episode, turn: Turn, status: str, output_text: str | None, error_traceback: str) -> Turn:
    scheduled = sum(1 for event in (*episode.history, *turn.events) if event["EventType"] in SCHEDULING)
    ending = make_event(
        EventType.EXECUTION_COMPLETED,
        turn.now,
        event_id=scheduled,
        OrchestrationStatus=STATUS_NUMBERS[status],
        Result=output_text,
        FailureDetails=None,
    )
    parent = episode.stored.parent
    return replace(
        _close_episode(turn, ending),
        status=status,
        output_text=output_text,
        error_traceback=error_traceback,
        waits=(),
        parent=parent,
        parent_event=None if parent is None else tell_parent(parent, turn.now, status, output_text),
    )


def _continue_as_new(episode: Episode, turn: Turn, replay: Replay, rules: Rules) -> Turn:
    instance = episode.stored.instance
    lost = () if rules.lenient else _lost_events(episode)
    remarks = tuple(Remark(kind="lost event", text=_LOST.format(name=message.event["Name"])) for message in lost)
    return replace(
        turn,
        events=(),
        consumed=(*turn.consumed, *(message.number for message in lost)),
        waits=(),
        remarks=turn.remarks + remarks,
        next_generation=NewInstance(
            instance_id=instance.instance_id,
            execution_id=derive_id(instance.execution_id, "next"),
            name=instance.name,
            version=instance.version,
            input_text=encode_again(replay.next_input_text),
            parent=episode.stored.parent,
        ),
    )


def _lost_events(episode: Episode) -> tuple[Message, ...]:
    last_delivered = max(episode.consumed)
    return tuple(message for message in episode.held if message.number < last_delivered)
