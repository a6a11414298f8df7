"""If the worker process dies alone, devhost reacts as the real host was seen to do.

Orchestrators of the app under test: `once` calls an activity once, `retried` calls it with one retry. The activities
`work` and `aside` wait until the test removes their gate file; `aside` is a second one beside `work`.
"""

import asyncio
import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.devhost.orchestration.event import EventType
from local.devhost.testing import RunningApp, running_app
from local.devhost.worker.worker_process import WorkerProcess
from tests.devhost.app_folder import write_app

APP = """
import os, pathlib, sys, time
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

def hold(gate):
    # Says in which process it waits, then waits until the file has gone.
    if os.path.exists(gate):
        with open(gate + ".held", "a") as held:
            held.write(f"{os.getpid()}\\n")
    while os.path.exists(gate):
        time.sleep(0.01)
    return os.getpid()

@app.activity_trigger(input_name="gate")
def work(gate): return hold(gate)

@app.activity_trigger(input_name="gate")
def aside(gate): return hold(gate)

@app.activity_trigger(input_name="value")
def leaves(value): sys.exit(3)

@app.orchestration_trigger(context_name="context")
def once(context):
    name, gate = context.get_input()
    try:
        return (yield context.call_activity(name, gate))
    except Exception as error:
        return str(error)

@app.orchestration_trigger(context_name="context")
def retried(context):
    return (yield context.call_activity_with_retry("work", df.RetryOptions(1_000, 2), context.get_input()))

@app.orchestration_trigger(context_name="context")
def waits(context):
    yield context.call_activity("work", "")
    return (yield context.wait_for_external_event("go"))

@app.orchestration_trigger(context_name="context")
def quits(context):
    sys.exit(3)
    yield

@app.route(route="held")
def held(req: func.HttpRequest) -> str:
    return str(hold(req.params["gate"]))
"""
OWN_LOCAL = """
app = df.DFApp()

@app.activity_trigger(input_name="gate")
def work(gate):
    from local.work import work
    return work(gate)

@app.activity_trigger(input_name="gate")
def fail(gate): raise ValueError("no")

@app.orchestration_trigger(context_name="context")
def once(context):
    try:
        return (yield context.call_activity(*context.get_input()))
    except Exception as error:
        return str(error)
"""
HOST = '{"version": "2.0", "functionTimeout": "00:00:05", "extensionBundle": {}}'


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


@pytest.fixture
def app(tmp_path: Path) -> Any:
    (tmp_path / "host.json").write_text(HOST)
    with running_app(write_app(tmp_path, APP), worker_process=True) as running:
        yield running


def holders(gate: Path, at_least: int = 1) -> list[int]:
    """Wait until this many calls wait at the gate, and return their processes."""
    held, deadline = gate.with_name("gate.held"), time.monotonic() + 60
    while time.monotonic() < deadline:
        pids = held.read_text().splitlines() if held.exists() else []
        if len(pids) >= at_least:
            return [int(pid) for pid in pids]
    raise AssertionError(f"no {at_least} calls wait at the gate")


def replaced(gate: Path) -> Callable[[WorkerProcess], None]:
    """Return a strike that opens the gate for the next process."""

    def strike(worker: WorkerProcess) -> None:
        worker._process.kill()
        gate.unlink()

    return strike


@pytest.mark.parametrize("files", [["__init__.py"], []])
def test_an_app_may_have_a_package_named_local_as_the_folder_of_devhost_is(tmp_path: Path, files: list[str]) -> None:
    (tmp_path / "host.json").write_text(HOST)
    (tmp_path / "local").mkdir()
    for name in files:
        (tmp_path / "local" / name).touch()
    (tmp_path / "local" / "work.py").write_text("def work(gate): return f'{gate} at home'")
    with running_app(write_app(tmp_path, OWN_LOCAL), worker_process=True) as app:
        assert app.result(app.start("once", ["work", "done"])) == "done at home"
        assert app.result(app.start("once", ["fail", ""])).startswith("Activity function 'fail' failed: ValueError: no")


def test_a_death_fails_the_activities_in_flight_and_they_are_retried_in_a_new_process(
    app: RunningApp, gate: Path
) -> None:
    gate.touch()
    plain, with_retry = app.start("once", ["work", str(gate)]), app.start("retried", str(gate))
    before = holders(gate, 2)[0]
    app.strike(replaced(gate))
    reason, _, details = app.result(plain).partition(" \n ")
    assert reason == "Activity function 'work' failed: python exited with code 137 (0x89)"
    type_name, _, _ = json.loads(details)["$type"].partition(",")
    assert type_name == "Microsoft.Azure.WebJobs.Script.Workers.WorkerProcessExitException"
    assert app.result(with_retry) != before


def test_a_death_during_a_turn_fails_the_instance_for_good(app: RunningApp) -> None:
    app.strike(lambda worker: worker.exit_in_turn())
    assert app.wait(app.start("once", ["work", ""])).output_text == (
        "Orchestrator function 'once' failed: One or more errors occurred. (python exited with code 137 (0x89))"
    )
    assert isinstance(app.result(app.start("once", ["work", ""])), int), "the next one finds a worker"


def test_sys_exit_ends_the_process_with_its_code(app: RunningApp) -> None:
    assert app.result(app.start("once", ["leaves", ""])).startswith(
        "Activity function 'leaves' failed: python exited with code 3 (0x3)"
    )
    assert app.wait(app.start("quits")).output_text == (
        "Orchestrator function 'quits' failed: One or more errors occurred. (python exited with code 3 (0x3))"
    )


def test_a_turn_that_falls_due_while_no_worker_serves_fails_with_a_text_that_misleads(app: RunningApp) -> None:
    instance = app.start("waits")
    app.wait(instance, lambda it: it.waits == ("go",))
    worker = app.host.worker
    assert isinstance(worker, WorkerProcess)

    async def die() -> None:
        worker.exit()
        await worker._is_buried.wait()
        await app.hub.raise_event(instance, "go", "1")
        await app.hub.start_orchestration("once", instance_id="first-turn", input_text='"[\\"work\\", \\"\\"]"')

    app.call(die())
    ended = app.wait(instance)
    assert ended.status == "Failed"
    assert "Non-Deterministic workflow detected: " in str(ended.output_text)
    assert app.wait("first-turn").status == "Failed"


def test_the_third_death_ends_the_host_and_fails_the_turn_in_flight_but_no_activity(
    app: RunningApp, gate: Path
) -> None:
    async def failure() -> str:
        return str(await asyncio.shield(app.hub.failure))

    for _ in range(2):
        assert app.result(app.start("once", ["leaves", ""]))
    gate.touch()
    beside = app.start("once", ["work", str(gate)])
    holders(gate)
    app.strike(lambda worker: worker.exit_in_turn())
    instance = app.start("once", ["work", ""])
    assert app.call(failure()).startswith("Exceeded language worker restart retry count for runtime:python.")
    assert app.wait(instance).status == "Failed"
    assert [event["EventType"] for event in app.history(beside)][-1] == EventType.ORCHESTRATOR_COMPLETED


def test_a_request_in_flight_at_a_death_gets_500(app: RunningApp, gate: Path) -> None:
    gate.touch()
    statuses: list[int] = []

    def ask() -> None:
        try:
            urllib.request.urlopen(f"{app.url}/api/held?gate={gate}", timeout=60)
        except urllib.error.HTTPError as error:
            statuses.append(error.code)

    asking = threading.Thread(target=ask)
    asking.start()
    holders(gate)
    app.strike(replaced(gate))
    asking.join(60)
    assert statuses == [500]


def test_a_call_over_its_time_fails_and_the_others_run_again_in_a_new_process(app: RunningApp, gate: Path) -> None:
    gate.touch()
    late, beside = app.start("once", ["work", str(gate)]), app.start("once", ["aside", str(gate)])
    before = set(holders(gate, 2))
    app.strike(lambda worker: worker.expire("work"))
    assert set(holders(gate, 3)[2:]).isdisjoint(before), "only the bystander runs again, and in another process"
    gate.unlink()
    reason, _, details = app.result(late).partition(" \n ")
    text = "Timeout value of 00:00:05 was exceeded by function: Functions.work"
    assert reason == f"Activity function 'work' failed: {text}"
    exception = json.loads(details)
    assert re.match(r"Microsoft\.Azure\.WebJobs\.Host\.FunctionTimeoutException,", exception["$type"])
    assert (exception["Timeout"], exception["MethodName"], exception["Message"]) == ("00:00:05", "Functions.work", text)
    assert app.result(beside) == holders(gate, 3)[2]
    for _ in range(3):
        app.strike(lambda worker: worker.expire())
        assert str(app.result(app.start("once", ["work", ""]))).startswith(reason), "and such ends are not counted"
