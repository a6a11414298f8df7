"""How the Durable extension processes an action list, with hand-written lists and histories."""

from datetime import UTC, datetime
from typing import Any

from azure.durable_functions import RetryOptions
from azure.durable_functions.models.actions.CallActivityAction import CallActivityAction
from azure.durable_functions.models.actions.CallActivityWithRetryAction import CallActivityWithRetryAction
from azure.durable_functions.models.actions.CreateTimerAction import CreateTimerAction
from azure.durable_functions.models.actions.WaitForExternalEventAction import WaitForExternalEventAction
from azure.durable_functions.models.actions.WhenAllAction import WhenAllAction
from azure.durable_functions.models.actions.WhenAnyAction import WhenAnyAction

from local.devhost.orchestration.action import Role
from local.devhost.orchestration.event import Event, EventType, make_event
from local.devhost.orchestration.extension import follow

NOW = datetime(2026, 1, 1, tzinfo=UTC)
THREE, ONE = RetryOptions(1_000, 3), RetryOptions(1_000, 1)


def call(number: int, retry: RetryOptions | None = None) -> Any:
    name = f"a{number}"
    return numbered(number, CallActivityWithRetryAction(name, retry) if retry else CallActivityAction(name))


def event_wait(number: int, name: str) -> Any:
    return numbered(number, WaitForExternalEventAction(name))


def timer(number: int, *, cancelled: bool = False) -> Any:
    return numbered(number, CreateTimerAction(NOW, is_cancelled=cancelled))


def numbered(number: int, action: Any) -> Any:
    action.number = number
    return action


def all_of(*children: Any) -> Any:
    return WhenAllAction(list(children))


def any_of(*children: Any) -> Any:
    return WhenAnyAction(list(children))


def done(task_id: int) -> Event:
    return make_event(EventType.TASK_COMPLETED, NOW, TaskScheduledId=task_id, Result="1")


def failed(task_id: int) -> Event:
    return make_event(EventType.TASK_FAILED, NOW, TaskScheduledId=task_id, Reason="no", Details=None)


def fired(task_id: int) -> Event:
    return make_event(EventType.TIMER_FIRED, NOW, TimerId=task_id)


def raised(name: str) -> Event:
    return make_event(EventType.EVENT_RAISED, NOW, Name=name, Input="1")


def numbers(actions: list[Any], *history: Event) -> list[tuple[int, Role]]:
    return [(task.action.number, task.role) for task in follow(actions, history).issued]


def test_all_parts_of_a_compound_start_at_once_and_the_next_action_waits_for_all() -> None:
    actions = [all_of(call(0), call(1)), call(2)]
    assert numbers(actions) == [(0, Role.CALL), (1, Role.CALL)]
    assert numbers(actions, failed(0)) == [(0, Role.CALL), (1, Role.CALL)]
    assert numbers(actions, failed(0), done(1))[2:] == [(2, Role.CALL)]


def test_retry_timers_and_repeated_calls_take_ids_when_they_happen() -> None:
    actions = [all_of(*(all_of(call(n, THREE)) for n in range(3))), call(3)]
    history = [failed(2), failed(0), fired(4), fired(3), done(1), done(5), done(6)]
    assert numbers(actions, *history)[3:] == [
        (2, Role.RETRY_TIMER),
        (0, Role.RETRY_TIMER),
        (0, Role.RETRY_CALL),
        (2, Role.RETRY_CALL),
        (3, Role.CALL),
    ]


def test_after_the_last_attempt_comes_one_more_timer() -> None:
    actions = [all_of(call(0, ONE)), call(1)]
    progress = follow(actions, [failed(0)])
    assert [task.is_last_attempt for task in progress.issued] == [False, True]
    assert numbers(actions, failed(0), fired(1))[2:] == [(1, Role.CALL)]


def test_a_window_of_task_any_falls_to_one_in_flight() -> None:
    actions = [any_of(call(0), call(1)), any_of(call(2)), any_of(call(3))]
    assert len(numbers(actions, done(0))) == 3
    assert len(numbers(actions, done(0), done(1))) == 3
    assert len(numbers(actions, done(0), done(1), done(2))) == 4


def test_a_cancelled_timer_takes_an_id_and_holds_nothing_back() -> None:
    assert len(numbers([any_of(timer(0, cancelled=True), event_wait(1, "x")), call(2)])) == 2


def test_events_take_no_ids_and_wait_for_later_waits() -> None:
    actions = [call(0), event_wait(1, "Go"), call(2)]
    assert numbers(actions, raised("go"), done(0)) == [(0, Role.CALL), (2, Role.CALL)]
    assert follow(actions, [done(0)]).waits == ("Go",)


def test_an_empty_compound_ends_at_once() -> None:
    progress = follow([all_of(), any_of(), call(0)], [done(0)])
    assert progress.is_finished
    assert len(progress.issued) == 1


def test_a_part_that_ends_at_once_does_not_keep_the_others_from_starting() -> None:
    actions = [any_of(timer(0, cancelled=True), timer(1, cancelled=True), call(2)), call(3)]
    assert [number for number, _ in numbers(actions)] == [0, 1, 2, 3]
