"""What an orchestrator may and may not do, beyond the transcripts of the real host in tests/real_host."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local.devhost.console import Console
from local.devhost.errors import Refusal
from local.devhost.hub.clock import RealClock, VirtualClock
from local.devhost.hub.store import Store
from local.devhost.testing import RunningApp, running_app
from local.devhost.worker.worker import Worker
from tests.devhost.app_folder import ORCHESTRATIONS


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with running_app(ORCHESTRATIONS, state_file=tmp_path_factory.mktemp("app") / "s.db") as running:
        yield running


def raised_to(app: RunningApp, name: str, value: object = None) -> str:
    """Start an orchestrator and raise `go` as soon as it waits."""
    instance_id = app.start(name, value)
    app.rest()
    app.raise_event(instance_id, "go")
    return instance_id


def test_a_fan_out_takes_few_turns(app: RunningApp) -> None:
    instance_id = app.start("fan_out", 300)
    assert app.result(instance_id) == sum(2 * n for n in range(300))
    assert sum(event["EventType"] == 12 for event in app.history(instance_id)) < 100


def test_no_activity_begins_before_the_result_that_freed_its_slot_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash repeats at most as many activities as may run at once."""
    monkeypatch.setenv("AzureFunctionsJobHost__extensions__durableTask__maxConcurrentActivityFunctions", "3")
    begun, written, unwritten = [0], [0], list[int]()
    end_tasks = Store.end_tasks

    async def run(self: Worker, function: object, input_text: str, trace_parent: str) -> str:
        begun[0] += 1
        return input_text  # at once, so that nothing else happens in between

    def end(self: Store, table: str, ended: Sequence[Any]) -> list[str]:
        unwritten.append(begun[0] - written[0])
        written[0] += len(ended)
        return end_tasks(self, table, ended)

    monkeypatch.setattr(Worker, "run_activity", run)
    monkeypatch.setattr(Store, "end_tasks", end)
    with running_app(ORCHESTRATIONS, state_file=tmp_path / "s.db") as app:
        assert app.result(app.start("fan_out", 20)) == sum(range(20))
    assert (written[0], max(unwritten)) == (20, 3)


def test_guids_and_time_are_the_same_in_every_replay(app: RunningApp) -> None:
    assert len(set(app.result(app.start("guids")))) == 3


@pytest.mark.parametrize(("days", "pieces"), [(6, 1), (7, 2), (30, 9)])
def test_a_timer_of_more_than_six_days_is_cut_into_pieces_and_ends_in_time(
    app: RunningApp, days: int, pieces: int
) -> None:
    instance_id = app.start("nap", days)
    assert app.result(instance_id) == pytest.approx(days * 86_400, abs=1)
    assert sum(event["EventType"] == 10 for event in app.history(instance_id)) == pieces


def test_cancelling_a_timer_of_seven_days_is_lost_until_its_piece_fires(tmp_path: Path) -> None:
    with running_app(ORCHESTRATIONS, state_file=tmp_path / "s.db", clock=VirtualClock(automatic=False)) as still:
        short, long = (raised_to(still, "cancelled_nap", days) for days in (5, 7))
        still.rest()
        assert [still.wait(it, lambda _: True).status for it in (short, long)] == ["Completed", "Running"]
        still.advance(timedelta(days=3, seconds=1))
        assert still.wait(long).status == "Completed"


def test_a_timer_may_lie_in_the_year_1(app: RunningApp) -> None:
    assert app.result(app.start("timer_of_the_year_one")) is None


def test_a_timer_fires_while_an_activity_runs(tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    with running_app(ORCHESTRATIONS, state_file=tmp_path / "s.db", clock=RealClock()) as app:
        try:
            instance_id = app.start("timer_beside_activity", str(tmp_path / "gate"))
            instance = app.wait(instance_id, lambda it: it.custom_status_text is not None)
            assert (instance.status, instance.custom_status_text) == ("Running", '"timer"')
        finally:
            (tmp_path / "gate").unlink()
        app.result(instance_id)


@pytest.mark.parametrize(("characters", "status"), [(8_700, "Completed"), (8_704, "Failed")])
def test_the_custom_status_is_limited_as_utf_16(app: RunningApp, characters: int, status: str) -> None:
    instance = app.wait(app.start("big_status", characters))
    assert instance.status == status
    assert ("17 KB" in str(instance.output_text)) == (status == "Failed") == (instance.custom_status_text is None)


def test_the_first_turn_of_the_next_generation_keeps_the_custom_status_and_the_second_clears_it(
    app: RunningApp,
) -> None:
    instance_id = app.start("status_of_the_generation_before")
    app.rest()
    assert app.wait(instance_id, lambda it: True).custom_status_text == '"old"'
    app.raise_event(instance_id, "go")
    app.rest()
    assert app.wait(instance_id, lambda it: True).custom_status_text is None


def test_another_task_than_in_the_history_gives_the_host_s_error(app: RunningApp) -> None:
    assert app.wait(raised_to(app, "changed_code")).output_text == (
        "Non-Deterministic workflow detected: A previous execution of this orchestration scheduled an activity task "
        "with sequence number 0 named 'fail', but the current orchestration replay instead scheduled an activity task "
        "named 'double' with this sequence number.  Was a change made to the orchestrator code after this instance had "
        "already started running?"
    )


OWN_ERROR = "One or more errors occurred. (Result: Failure\nException: ValueError: own error, half \ufffd\nStack: "
HANGS = ": on the real host the instance stays Running for ever"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("no_generator", None, f"Orchestrator function 'no_generator' failed: {OWN_ERROR}Traceback"),
        ("parent", ["no_generator"], f"Orchestrator function 'no_generator' failed: {OWN_ERROR}Traceback"),
        ("odd_text_of_an_activity", None, "Activity function 'fail' failed: ValueError: half \ufffd"),
        ("leaves", None, "One or more errors occurred. (python exited with code 3 (0x3))"),
        ("cancelled", None, "scheduled an activity task with sequence ID 0 and name 'double' (version '')"),
        ("unserialisable", None, "Non-Deterministic workflow detected"),
        ("nested_failure", None, "Non-Deterministic workflow detected"),
        ("one_by_one", 1_000, "maximum recursion depth"),
        ("retry_in_a_million_years", None, "OverflowError: days="),
        ("no_attempts", None, f"'double' is called with 0 attempts{HANGS}"),
        ("parent", ["no_generator", None, "me"], f"has the instance id of its parent, 'me'{HANGS}"),
        ("parent", ["no_generator", None, "\ud83d"], "UnicodeEncodeError"),
        ("naive_time", None, "'naive_time' failed: can't compare offset-naive and offset-aware datetimes"),
        ("entity_caller", None, "devhost does not run call_entity"),
        ("versioned_child", None, "devhost does not support versions"),
    ],
)
def test_an_instance_that_cannot_go_on_fails_with_the_reason(
    app: RunningApp, name: str, value: object, reason: str
) -> None:
    instance = app.wait(app.start(name, value, instance_id="me"))
    assert instance.status == "Failed"
    assert reason in str(instance.output_text)
    assert any(f"error: me · {str(instance.output_text)[:40]}" in line for line in app.lines)


def test_what_the_sdk_cannot_do_is_shown_in_its_words(app: RunningApp) -> None:
    app.wait(app.start("nested_failure"))
    assert any("cannot continue" in line and "does not have pending sub-task" in line for line in app.lines)
    assert app.result(app.start("one_by_one", 900)) == 0


def test_an_ended_instance_takes_no_event(app: RunningApp) -> None:
    assert app.result(app.start("plain", instance_id="ended")) == "no yield"
    with pytest.raises(Refusal, match="has ended"):
        app.raise_event("ended", "go")


def test_scheduled_work_begins_although_the_parent_is_gone(app: RunningApp, monkeypatch: pytest.MonkeyPatch) -> None:
    def event(self: Console, instance_id: str, text: str) -> None:
        if text.endswith("started"):
            raise RuntimeError("the console is broken")

    monkeypatch.setattr(Console, "event", event)
    assert app.result(app.start("fan_out", 1)) == 0
    assert any("devhost itself failed" in line for line in app.lines)
