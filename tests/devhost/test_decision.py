"""How the store writes turns, and the decisions when messages arrive late or together."""

import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.devhost.hub.store import Store
from local.devhost.orchestration.decision import decide
from local.devhost.orchestration.episode import Episode, Message, Turn, open_episode
from local.devhost.orchestration.event import EventType, make_event, write_time
from local.devhost.orchestration.instance import Instance, start_event
from local.devhost.orchestration.refusal import Rules
from local.devhost.orchestration.replay import replay
from local.devhost.settings import HostSettings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RULES = Rules(activities={"work": "work"}, orchestrators={"one": "one"}, settings=HostSettings())
NEW = Instance(
    instance_id="i",
    execution_id="e",
    name="one",
    input_text=None,
    created_time=NOW,
    last_updated_time=NOW,
)

Orchestrator = Callable[[Any], Generator[Any, Any, Any]]


def two_calls(context: Any) -> Generator[Any, Any, Any]:
    first = yield context.call_activity("work", 1)
    second = yield context.call_activity("work", 2)
    return [first, second]


def fan_out(context: Any) -> Generator[Any, Any, Any]:
    return (yield context.task_all([context.call_activity("work", n) for n in range(3)]))


def eternal(context: Any) -> Generator[Any, Any, Any]:
    yield context.call_activity("work")
    context.continue_as_new(None)


def next_episode(store: Store) -> Episode:
    instance = store.load("i")
    assert instance is not None
    episode = open_episode(instance, store.history("i"), store.inbox("i"), NOW)
    assert episode is not None
    return episode


def think(store: Store, orchestrator: Orchestrator, rules: Rules = RULES) -> Turn:
    episode = next_episode(store)
    return decide(episode, replay(orchestrator, [*episode.history, *episode.new_events]), rules)


def complete(store: Store, *task_ids: int) -> list[str]:
    wanted = [activity for activity in store.activities() if activity.task_id in task_ids]
    return store.end_tasks(
        "activities",
        [
            (task, make_event(EventType.TASK_COMPLETED, NOW, TaskScheduledId=task.task_id, Result=str(task.task_id)))
            for task in wanted
        ],
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A state file with an instance that has not begun."""
    store = Store(tmp_path / "state.db")
    store.start(NEW)
    yield store
    store.close()


def test_a_commit_that_breaks_off_in_the_middle_leaves_nothing_behind(store: Store) -> None:
    turn = think(store, two_calls)
    with pytest.raises(sqlite3.IntegrityError):
        store.commit(replace(turn, activities=turn.activities * 2))
    assert (store.activities(), store.history("i")) == ([], [])
    assert think(store, two_calls) == turn
    assert store.commit(turn)


def test_a_turn_is_dropped_when_the_instance_changed_meanwhile(store: Store) -> None:
    turn = think(store, two_calls)
    store.start(replace(NEW, execution_id="another"))
    assert not store.commit(turn)
    assert store.activities() == []


def test_a_completion_that_arrives_twice_counts_once(store: Store) -> None:
    store.commit(think(store, fan_out))
    activities = store.activities()
    assert complete(store, 0) == ["i"]
    event = make_event(EventType.TASK_COMPLETED, NOW, TaskScheduledId=0, Result="9")
    assert store.end_tasks("activities", [(activities[0], event)]) == []
    assert len(next_episode(store).new_events) == 2


def test_a_completion_for_an_earlier_generation_is_dropped(store: Store) -> None:
    store.commit(think(store, eternal))
    late = store.activities()[0]
    complete(store, 0)
    turn = think(store, eternal)
    assert turn.continues_as_new
    assert turn.after.execution_id != "e"
    store.commit(turn)
    event = make_event(EventType.TASK_COMPLETED, NOW, TaskScheduledId=0, Result="1")
    assert store.end_tasks("activities", [(late, event)]) == []
    assert store.history("i") == []


def test_a_message_for_an_earlier_generation_is_removed_from_the_inbox() -> None:
    late = make_event(EventType.TIMER_FIRED, NOW, TimerId=0, FireAt=write_time(NOW))
    episode = open_episode(NEW, [], [Message(1, "old", late), Message(2, "e", start_event(NEW))], NOW)
    assert episode is not None
    assert [event["EventType"] for event in episode.new_events] == [
        EventType.ORCHESTRATOR_STARTED,
        EventType.EXECUTION_STARTED,
    ]
    assert episode.consumed == [1, 2]


def test_an_event_of_the_last_turn_before_continue_as_new_is_lost_and_later_ones_are_kept(store: Store) -> None:
    store.commit(think(store, eternal))
    store.post("i", make_event(EventType.EVENT_RAISED, NOW, Name="before", Input=None))
    complete(store, 0)
    turn = think(store, eternal)
    assert turn.continues_as_new
    assert "lost, as on a real host" in turn.remarks["lost event"]
    store.post("i", make_event(EventType.EVENT_RAISED, NOW, Name="after", Input=None))
    store.commit(turn)
    # The last is the next start.
    assert [message.event["Name"] for message in store.inbox("i")] == ["after", "one"]


def test_nothing_is_left_to_do_for_an_instance_that_was_terminated(store: Store, tmp_path: Path) -> None:
    def races(context: Any) -> Generator[Any, Any, Any]:
        yield context.task_any([context.call_activity("work"), context.create_timer(NOW + timedelta(hours=1))])

    turn = think(store, races)
    store.commit(turn)
    store.post("i", make_event(EventType.EVENT_RAISED, NOW, Name="unheard", Input=None))
    assert (len(store.activities()), store.next_timer() is None, store.instances_with_mail()) == (1, False, ["i"])
    store.post("i", make_event(EventType.EXECUTION_TERMINATED, NOW, Input="enough"))
    turn = think(store, races)
    assert (turn.after.status, turn.after.output_text) == ("Terminated", "enough")
    store.commit(turn)
    store.close()
    with closing(Store(tmp_path / "state.db")) as again:
        assert (again.activities(), again.next_timer(), again.instances_with_mail()) == ([], None, [])


def test_more_actions_than_allowed_fail_the_instance(store: Store) -> None:
    episode = next_episode(store)
    rules = replace(RULES, settings=HostSettings(max_orchestration_actions=2))
    turn = decide(episode, replay(fan_out, episode.new_events), rules)
    assert "more than 2 actions" in str(turn.after.output_text)


@pytest.mark.parametrize(
    ("kinds", "status", "output"),
    [
        ([EventType.EXECUTION_SUSPENDED], "Suspended", "why 0"),
        ([EventType.EXECUTION_SUSPENDED, EventType.EXECUTION_RESUMED], "Running", "why 1"),
        ([EventType.EXECUTION_TERMINATED, EventType.EXECUTION_SUSPENDED], "Terminated", "why 0"),
    ],
)
def test_controls_of_a_pending_instance_take_effect_with_its_first_turn(
    store: Store, kinds: list[EventType], status: str, output: str
) -> None:
    """Source: tests/real_host/data/api-pending.json, recorded on the real host."""
    for number, kind in enumerate(kinds):
        said = f"why {number}"
        store.post("i", make_event(kind, NOW, Reason=said, Input=said))
    turn = think(store, two_calls)
    assert (turn.after.status, turn.after.output_text) == (status, output)
    assert [activity.task_id for activity in turn.activities] == ([0] if status == "Running" else [])
    ended = [event for event in turn.events if event["EventType"] == EventType.EXECUTION_COMPLETED]
    assert [event["Result"] for event in ended] == ([output] if status == "Terminated" else [])
