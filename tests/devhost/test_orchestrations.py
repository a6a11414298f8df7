"""What an orchestrator may do, on a running devhost with virtual time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.devhost.errors import DevhostError, Refusal
from local.devhost.hub.clock import VirtualClock
from local.devhost.testing import RunningApp, running_app

APP = Path(__file__).parent / "apps" / "orchestrations"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RunningApp]:
    with running_app(APP, state_file=tmp_path / "state.db") as running:
        yield running


@pytest.fixture
def still_app(tmp_path: Path) -> Iterator[RunningApp]:
    with running_app(APP, state_file=tmp_path / "state.db", clock=VirtualClock(automatic=False)) as running:
        yield running


def test_activities_follow_one_another(app: RunningApp) -> None:
    assert app.result(app.start("chain", 3)) == 12


def test_an_orchestrator_is_found_in_any_case_and_shown_as_asked_for(app: RunningApp) -> None:
    instance = app.wait(app.start("CHAIN", 3))
    assert (instance.status, instance.name) == ("Completed", "CHAIN")  # as given: row 33 of real-host.md, section 1


def test_fan_out_takes_few_episodes_and_sets_the_custom_status(app: RunningApp) -> None:
    instance_id = app.start("fan_out", 300)
    assert app.result(instance_id) == sum(2 * n for n in range(300))
    assert app.wait(instance_id).custom_status_text == '{"summed": 300}'
    episodes = [event for event in app.history(instance_id) if event["EventType"] == 12]
    assert len(episodes) < 100


def test_an_uncaught_failure_fails_the_instance_with_the_activity_s_message(app: RunningApp) -> None:
    instance = app.wait(app.start("uncaught"))
    assert instance.status == "Failed"
    assert instance.output_text is not None
    assert instance.output_text.startswith(
        "Orchestrator function 'uncaught' failed: Activity function 'fail' failed: ValueError: no luck"
    )
    assert any("uncaught" in line and "error" in line for line in app.lines)


def test_drained_task_all_with_retries_collects_every_outcome(app: RunningApp) -> None:
    instance_id = app.start("drained")
    outcomes = app.result(instance_id)
    assert outcomes[:3] == ["0 after 1", "1 after 2", "2 after 3"]
    assert outcomes[3:5] == ["Activity function 'fail_first' failed: RuntimeError: attempt 3"] * 2
    assert outcomes[5] == 42
    instance = app.wait(instance_id)
    assert instance.last_updated_time - instance.created_time > timedelta(hours=2)  # and nobody has waited for them


def test_work_called_before_a_failed_task_all_is_drained_is_reported_by_its_pattern(app: RunningApp) -> None:
    instance = app.wait(app.start("follow_up_too_early"))
    assert instance.status == "Failed"
    assert "On the real host this instance completes with wrong results" in str(instance.output_text)
    assert "Way out: after a failed task_all yield each of its tasks again" in str(instance.output_text)


def test_a_task_any_window_ends_and_its_loss_of_concurrency_is_said(app: RunningApp) -> None:
    assert app.result(app.start("window")) == [0, 2, 4, 6, 8, 10]
    assert sum("window kept full" in line for line in app.lines) <= 1


def test_a_two_hour_wait_takes_no_time(app: RunningApp) -> None:
    assert app.result(app.start("approval")) == "timed out"


def test_an_event_beats_the_timer_and_its_data_arrives_decoded(still_app: RunningApp) -> None:
    instance_id = still_app.start("approval")
    still_app.wait(instance_id, lambda it: it.status == "Running")
    still_app.raise_event(instance_id, "Approval", {"by": "me"})
    assert still_app.result(instance_id) == {"approved": {"by": "me"}, "value": 2}


def test_time_advances_by_hand(still_app: RunningApp) -> None:
    instance_id = still_app.start("approval")
    still_app.rest()
    still_app.advance(timedelta(minutes=119))
    still_app.rest()
    assert still_app.wait(instance_id, lambda it: True).status == "Running"
    still_app.advance(timedelta(minutes=2))
    assert still_app.result(instance_id) == "timed out"


def test_timers_move_the_orchestrator_s_clock(app: RunningApp) -> None:
    assert app.result(app.start("sleeper")).startswith("2026-01-04")


def test_events_raised_one_after_the_other_arrive_once_and_in_order(still_app: RunningApp) -> None:
    instance_id = still_app.start("three_events")
    for number in range(3):
        still_app.rest()
        still_app.raise_event(instance_id, "Tick", number)
    assert still_app.result(instance_id) == [0, 1, 2]


def test_an_event_in_another_case_is_used_up_and_said(still_app: RunningApp) -> None:
    instance_id = still_app.start("approval")
    still_app.rest()
    still_app.raise_event(instance_id, "APPROVAL", 1)
    still_app.rest()
    assert still_app.wait(instance_id, lambda it: True).status == "Running"
    assert any(
        "'APPROVAL' is used up without effect: the orchestrator waits for 'Approval'" in it for it in still_app.lines
    )
    still_app.raise_event(instance_id, "Approval", 2)
    assert still_app.result(instance_id) == {"approved": 2, "value": 2}


def test_continue_as_new_starts_over_with_a_short_history(app: RunningApp) -> None:
    instance_id = app.start("generations", {"left": 20, "sum": 0})
    assert app.result(instance_id) == sum(2 * n for n in range(21))
    assert len(app.history(instance_id)) < 12
    assert app.wait(instance_id).custom_status_text == '{"left": 0}'


def test_sub_orchestrations_return_and_fail_to_their_parent(app: RunningApp) -> None:
    assert app.result(app.start("parent")) == [0, 4, 8, True]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("unknown_activity", "The function 'nowhere' doesn't exist, is disabled, or is not an activity function."),
        ("entity_caller", "devhost does not run call_entity"),
        ("no_task", "AttributeError: 'int' object has no attribute '_is_scheduled'"),
        ("unserialisable", "Non-Deterministic workflow detected"),
    ],
)
def test_what_cannot_run_fails_with_its_reason(app: RunningApp, name: str, reason: str) -> None:
    instance = app.wait(app.start(name))
    assert (instance.status, reason in str(instance.output_text)) == ("Failed", True)


def test_the_instance_of_an_unknown_orchestrator_fails_and_names_those_there_are(app: RunningApp) -> None:
    text = str(app.wait(app.start("Double")).output_text)
    assert text.startswith(
        "Orchestrator function 'Double' failed: The function 'Double' doesn't exist, is disabled, or is not an "
        "orchestrator function. Additional info: The following are the known orchestrator functions: 'chain', "
    )
    assert text.endswith("'.")


@pytest.mark.parametrize(("characters", "status"), [(8_700, "Completed"), (8_704, "Failed")])
def test_the_custom_status_is_limited_as_utf_16(app: RunningApp, characters: int, status: str) -> None:
    instance = app.wait(app.start("big_status", {"characters": characters}))
    assert instance.status == status
    assert ("17 KB" in str(instance.output_text)) == (status == "Failed") == (instance.custom_status_text is None)


def test_what_the_sdk_cannot_do_is_shown_in_its_words(app: RunningApp) -> None:
    assert app.wait(app.start("nested_failure")).status == "Failed"
    assert any("cannot go on" in line and "does not have pending sub-task" in line for line in app.lines)
    assert app.result(app.start("one_by_one", 900)) == 0
    assert "maximum recursion depth" in str(app.wait(app.start("one_by_one", 1_000)).output_text)


def test_a_child_with_a_version_is_refused(app: RunningApp) -> None:
    instance = app.wait(app.start("versioned_child"))
    assert (instance.status, "devhost knows no versions" in str(instance.output_text)) == ("Failed", True)


def test_a_stuck_orchestrator_is_named(app: RunningApp) -> None:
    app.start("stuck", instance_id="stuck-1")
    app.rest()
    assert any("stuck-1" in line and "nothing can complete" in line for line in app.lines)


def test_an_orchestrator_without_yield_returns(app: RunningApp) -> None:
    assert app.result(app.start("plain")) == "no yield"


def test_guids_and_time_are_the_same_in_every_replay(app: RunningApp) -> None:
    assert len(set(app.result(app.start("guids")))) == 3


def test_an_id_is_refused_while_it_runs_and_free_afterwards(still_app: RunningApp) -> None:
    still_app.start("approval", instance_id="one")
    with pytest.raises(Refusal, match="already exists"):
        still_app.start("chain", 1, instance_id="one")
    still_app.call(still_app.hub.terminate("one", "enough"))
    assert still_app.wait("one").output_text == "enough"
    with pytest.raises(Refusal, match="has ended"):
        still_app.raise_event("one", "Approval")
    still_app.start("chain", 1, instance_id="one")
    assert still_app.result("one") == 4


def test_a_suspended_instance_keeps_its_mail_until_it_is_resumed(still_app: RunningApp) -> None:
    hub = still_app.hub
    still_app.start("approval", instance_id="held")
    still_app.rest()
    still_app.call(hub.suspend("held", "wait"))
    still_app.rest()
    with pytest.raises(DevhostError, match="in the Suspended state"):
        still_app.call(hub.suspend("held", "again"))
    still_app.raise_event("held", "Approval", 1)
    still_app.rest()
    held = still_app.wait("held", lambda it: True)
    assert (held.status, held.output_text) == ("Suspended", "wait")
    still_app.call(hub.resume("held", "go"))
    assert still_app.result("held") == {"approved": 1, "value": 2}
    with pytest.raises(Refusal, match="has ended"):
        still_app.call(hub.resume("held", "again"))


def test_only_ended_instances_are_purged(still_app: RunningApp) -> None:
    hub = still_app.hub
    still_app.start("approval", instance_id="running")
    still_app.start("chain", 1, instance_id="ended")
    still_app.wait("ended")
    with pytest.raises(Refusal, match="Only orchestrations in a terminal state"):
        still_app.call(hub.purge("running"))
    assert still_app.call(hub.purge("ended")) == 1
    assert still_app.call(hub.get("ended")) is None


def test_created_time_is_the_clock_s(app: RunningApp) -> None:
    instance = app.wait(app.start("plain"))
    assert instance.created_time - datetime(2026, 1, 1, tzinfo=UTC) < timedelta(seconds=1)
