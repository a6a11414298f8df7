"""Whatever an orchestrator does, its instance moves on or fails with the reason: none stays Running for ever."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.devhost.console import Console
from local.devhost.hub.clock import RealClock
from local.devhost.server import serve
from local.devhost.testing import RunningApp, running_app
from tests.devhost.app_folder import write_app

SOURCE = r"""
import asyncio, pathlib, sys, time
from datetime import datetime, UTC
app = df.DFApp()

@app.activity_trigger(input_name="text")
def fail(text): raise ValueError(text)

@app.activity_trigger(input_name="value")
def same(value): return value

@app.orchestration_trigger(context_name="context")
def odd_text(context):
    raise ValueError("bad text \ud83d")

@app.orchestration_trigger(context_name="context")
def odd_text_of_an_activity(context):
    yield context.call_activity(fail, "bad text \ud83d")

@app.orchestration_trigger(context_name="context")
def leaves(context):
    yield context.call_activity(same, 1)
    sys.exit(3)

@app.orchestration_trigger(context_name="context")
def cancelled(context):
    yield context.call_activity(same, 1)
    raise asyncio.CancelledError

@app.orchestration_trigger(context_name="context")
def retry_in_a_million_years(context):
    yield context.call_activity_with_retry(fail, df.RetryOptions(10**17, 2), "no luck")

@app.orchestration_trigger(context_name="context")
def child_of_that_id(context):
    yield context.call_sub_orchestrator("odd_text", instance_id=context.get_input())

@app.activity_trigger(input_name="gate")
def hold(gate):
    while pathlib.Path(gate).exists():
        time.sleep(0.01)

@app.orchestration_trigger(context_name="context")
def timer_beside_a_long_activity(context):
    timer = context.create_timer(context.current_utc_datetime)
    winner = yield context.task_any([timer, context.call_activity(hold, context.get_input())])
    context.set_custom_status("timer" if winner is timer else "activity")

@app.orchestration_trigger(context_name="context")
def timer_of_the_year_one(context):
    moment = datetime.min.replace(tzinfo=UTC)
    return (yield context.task_all([context.call_activity(same, 1), context.create_timer(moment)]))
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    folder = tmp_path_factory.mktemp("app")
    with running_app(write_app(folder, SOURCE), state_file=folder / "s.db") as running:
        yield running


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("odd_text", "bad text \ufffd"),
        ("odd_text_of_an_activity", "ValueError: bad text \ufffd"),
        ("leaves", "One or more errors occurred. (python exited with code 3 (0x3))"),
        ("cancelled", "scheduled an activity task with sequence ID 0 and name 'same' (version '')"),
        ("retry_in_a_million_years", "OverflowError: days="),
    ],
)
def test_what_cannot_be_decided_or_written_fails_with_its_reason(app: RunningApp, name: str, reason: str) -> None:
    instance = app.wait(app.start(name))
    assert (instance.status, reason in str(instance.output_text)) == ("Failed", True)


@pytest.mark.parametrize(
    ("child_id", "reason"),
    [
        ("me", "has the instance id of its parent, 'me': on the real host the instance stays Running for ever"),
        ("\ud83d", "UnicodeEncodeError"),
    ],
)
def test_a_child_of_an_impossible_id_fails_its_parent(app: RunningApp, child_id: str, reason: str) -> None:
    instance = app.wait(app.start("child_of_that_id", child_id, instance_id="me"))
    assert (instance.status, reason in str(instance.output_text)) == ("Failed", True)


def test_a_timer_may_lie_in_the_year_1(app: RunningApp) -> None:
    assert app.result(app.start("timer_of_the_year_one")) == [1, None]


def test_a_timer_fires_while_an_activity_runs(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    with running_app(write_app(tmp_path, SOURCE), state_file=tmp_path / "s.db", clock=RealClock()) as app:
        try:
            instance_id = app.start("timer_beside_a_long_activity", str(gate))
            instance = app.wait(instance_id, lambda it: it.custom_status_text is not None)
            assert (instance.status, instance.custom_status_text) == ("Running", '"timer"')
        finally:
            gate.unlink()
        app.result(instance_id)


def test_work_that_is_scheduled_begins_even_if_nobody_can_be_told(tmp_path: Path) -> None:
    def write(line: str) -> None:
        if "timer #1 set" in line:
            raise RuntimeError("the console is broken")

    async def run() -> str | None:
        async with serve(
            write_app(tmp_path, SOURCE.replace("datetime.min", "datetime.max")),
            state_file=tmp_path / "s.db",
            console=Console(write=write),
        ) as host:
            instance_id = await host.hub.start_orchestration("timer_of_the_year_one")
            async with asyncio.timeout(60):
                await host.hub.rest()
            events = await host.hub.history(instance_id)
            return next((event["Result"] for event in events if event["EventType"] == 5), None)

    assert asyncio.run(run()) == "1"
