"""What orchestrators meet on the real host (real-host.md, section 1, by row) and no transcript shows in full."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from local.devhost.hub.clock import VirtualClock
from local.devhost.testing import RunningApp, running_app
from tests.devhost.app_folder import write_app

SOURCE = """
    from datetime import datetime, timedelta
    app = df.DFApp()

    @app.activity_trigger(input_name="value")
    def echo(value):
        return value

    @app.activity_trigger(input_name="value")
    def odd(value):
        return [float("nan"), float("-inf"), "half \\ud83d", "whole \\U0001f600", "NaN"]

    @app.orchestration_trigger(context_name="context")
    def naps(context):
        begun = context.current_utc_datetime
        yield context.create_timer(begun + timedelta(days=context.get_input()))
        return (context.current_utc_datetime - begun).total_seconds()

    @app.orchestration_trigger(context_name="context")
    def cancels(context):
        timer = context.create_timer(context.current_utc_datetime + timedelta(days=context.get_input()))
        yield context.task_any([timer, context.wait_for_external_event("go")])
        timer.cancel()

    @app.orchestration_trigger(context_name="context")
    def naive(context):
        yield context.create_timer(datetime(2030, 1, 1))

    @app.orchestration_trigger(context_name="context")
    def no_attempts(context):
        yield context.call_activity_with_retry("echo", df.RetryOptions(1, 0), 1)

    @app.orchestration_trigger(context_name="context")
    def sets_status_once(context):
        if not context.is_replaying:
            context.set_custom_status("set")
        yield context.call_activity("echo", 1)
        yield context.wait_for_external_event("go")

    @app.orchestration_trigger(context_name="context")
    def keeps_status_for_a_turn(context):
        if context.get_input() is None:
            context.set_custom_status("old")
            context.continue_as_new(1)
            return
        yield context.wait_for_external_event("go")
        yield context.wait_for_external_event("on")

    @app.orchestration_trigger(context_name="context")
    def odd_values(context):
        return (yield context.call_activity("odd", 1))

    @app.orchestration_trigger(context_name="context")
    def changes(context):
        yield context.wait_for_external_event("go")
        yield context.call_activity("echo" if context.is_replaying else "odd", 1)

    @app.orchestration_trigger(context_name="context")
    def caught(context):
        try:
            yield context.call_sub_orchestrator(*context.get_input())
        except Exception as error:
            return str(error)

    @app.orchestration_trigger(context_name="context")
    def plain_error(context):
        raise ValueError("no generator")
    """


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    folder = tmp_path_factory.mktemp("true")
    with running_app(write_app(folder, SOURCE), state_file=folder / "s.db", clock=VirtualClock()) as running:
        yield running


@pytest.mark.parametrize(("days", "pieces"), [(6, 1), (7, 2), (30, 9)])
def test_a_timer_of_more_than_six_days_is_cut_into_pieces_and_ends_in_time(
    app: RunningApp, days: int, pieces: int
) -> None:
    instance_id = app.start("naps", days)
    assert app.result(instance_id) == pytest.approx(days * 86_400, abs=1)
    assert sum(event["EventType"] == 10 for event in app.history(instance_id)) == pieces


def test_cancelling_a_timer_of_seven_days_is_lost_until_its_piece_fires(tmp_path: Path) -> None:
    """Row 3."""
    clock = VirtualClock(automatic=False)
    with running_app(write_app(tmp_path, SOURCE), state_file=tmp_path / "s.db", clock=clock) as still:
        for days, status in ((5, "Completed"), (7, "Running")):
            still.start("cancels", days, instance_id=f"{days} days")
            still.rest()
            still.raise_event(f"{days} days", "go")
            still.rest()
            assert still.wait(f"{days} days", lambda it: True).status == status
        still.advance(timedelta(days=3, seconds=1))
        assert still.wait("7 days").status == "Completed"


def test_a_naive_time_for_a_timer_raises(app: RunningApp) -> None:
    """Row 22."""
    text = str(app.wait(app.start("naive")).output_text)
    assert text == "Orchestrator function 'naive' failed: can't compare offset-naive and offset-aware datetimes"


def test_a_retry_with_0_attempts_fails_and_says_that_it_would_hang(app: RunningApp) -> None:
    """Row 23."""
    text = str(app.wait(app.start("no_attempts")).output_text)
    assert "'echo' is called with 0 attempts: on the real host the instance stays Running for ever" in text


def test_a_turn_that_sets_no_custom_status_clears_it(app: RunningApp) -> None:
    """Row 9."""
    instance_id = app.start("sets_status_once")
    app.rest()
    assert app.wait(instance_id, lambda it: True).custom_status_text is None


def test_the_first_turn_of_the_next_generation_keeps_the_custom_status(app: RunningApp) -> None:
    """Row 9, as `status-then-new` of histories.json showed over time."""
    instance_id = app.start("keeps_status_for_a_turn")
    app.rest()
    assert app.wait(instance_id, lambda it: True).custom_status_text == '"old"'
    app.raise_event(instance_id, "go")
    app.rest()
    assert app.wait(instance_id, lambda it: True).custom_status_text is None


def test_what_net_cannot_hold_is_text_for_the_orchestrator_too(app: RunningApp) -> None:
    """Rows 20 and 21."""
    assert app.result(app.start("odd_values")) == ["NaN", "-Infinity", "half \ufffd", "whole \U0001f600", "NaN"]


def test_another_task_than_in_the_history_is_told_in_the_host_s_words(app: RunningApp) -> None:
    """Section 5, errors of an orchestrator."""
    instance_id = app.start("changes")
    app.rest()
    app.raise_event(instance_id, "go")
    assert app.wait(instance_id).output_text == (
        "Non-Deterministic workflow detected: A previous execution of this orchestration scheduled an activity task "
        "with sequence number 0 named 'odd', but the current orchestration replay instead scheduled an activity task "
        "named 'echo' with this sequence number.  Was a change made to the orchestrator code after this instance had "
        "already started running?"
    )


def test_the_error_of_an_orchestrator_that_is_no_generator_reaches_its_parent(app: RunningApp) -> None:
    """Rows 15 and 16."""
    text = app.result(app.start("caught", ["plain_error"]))
    reason, details = text.split(" \n ")
    head = "One or more errors occurred. (Result: Failure\nException: ValueError: no generator\nStack: Traceback"
    assert reason.startswith(f"Orchestrator function 'plain_error' failed: {head}")
    assert details.startswith(f"Message: {head}")
    assert ", StackTrace: " in details
