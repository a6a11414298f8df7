"""If Durable Functions does not return a run's status, the app does nothing to the run, and the answer says so."""

import sys

import pytest

from local.devhost.hub.hub import TaskHub
from tests.e2e.rig import IDS, Host, Rig

ROUTES = [("DELETE", ""), ("POST", "/redrive"), ("POST", "/pause"), ("POST", "/cancel"), ("GET", "")]


def fail(patch: pytest.MonkeyPatch, name: str, times: int = sys.maxsize) -> None:
    """Make a call of devhost's task hub fail this many times; its HTTP API then answers 500."""
    original, left = getattr(TaskHub, name), [None] * min(times, 1_000)

    async def broken(self: TaskHub, *given: object, **named: object) -> object:
        if left:
            left.pop()
            raise OSError("storage is busy")
        return await original(self, *given, **named)

    patch.setattr(TaskHub, name, broken)


def is_unsure(host: Host, method: str, path: str) -> bool:
    answer = host.http.request(method, f"/api/runs/run{path}")
    return answer.status_code == 503 and answer.json()["field"] == "(durable)"


def test_a_run_with_an_unknown_status_is_not_touched(rig: Rig) -> None:
    with rig.host() as host:
        host.start_held()
        with rig.monkeypatch.context() as patch:
            fail(patch, "get")
            fail(patch, "query")
            unsure = [is_unsure(host, method, path) for method, path in ROUTES]
            assert (unsure, host.start().status_code) == ([True] * len(ROUTES), 503)
        rig.gate.open()
        run = host.wait()
        assert (run["status"], run["report"]["enqueued"], run["report"]["redrives"]) == ("completed", IDS, 0)
        assert rig.read_back().lost == 0


@pytest.mark.parametrize(
    ("method", "path", "status"), [("DELETE", "", 409), ("POST", "/redrive", 409), ("POST", "/pause", 202)]
)
def test_a_status_that_fails_once_is_looked_up_in_the_list(rig: Rig, method: str, path: str, status: int) -> None:
    rig.hold(10)
    with rig.host() as host:
        host.start()
        host.start("run-2")  # its id begins like the other's
        rig.gate.wait_until_reached()
        with rig.monkeypatch.context() as patch:
            fail(patch, "get", times=1)
            assert host.http.request(method, f"/api/runs/run{path}").status_code == status
            fail(patch, "get", times=1)
            assert host.look()["status"] == ("pausing" if path == "/pause" else "running")
        host.ask("resume")
        rig.gate.open()
        assert host.wait()["status"] == "completed"
        host.wait("run-2")


def test_a_command_stays_in_force_although_its_event_was_lost(rig: Rig) -> None:
    with rig.host(time_flies=False) as host:
        host.start_held()
        with rig.monkeypatch.context() as patch:
            fail(patch, "raise_event")
            answer = host.ask("pause")
        assert (answer.status_code, answer.json()["field"]) == (503, "(durable)")
        assert "after writing its command" in answer.json()["detail"]
        rig.gate.open()
        assert host.wait_for("paused")["status"] == "paused"
        host.ask("resume")
        assert host.wait()["status"] == "completed"


def test_an_id_that_another_begins_with_is_no_run(rig: Rig) -> None:
    with rig.host() as host:
        host.start("run-2")
        assert host.ask("pause", "run").status_code == 404
        host.wait("run-2")


@pytest.mark.parametrize(
    ("name", "method", "path"), [("purge", "DELETE", ""), ("start_orchestration", "POST", "/redrive")]
)
def test_an_error_of_durable_functions_has_the_documented_form(rig: Rig, name: str, method: str, path: str) -> None:
    rig.refused = {1}
    with rig.host() as host:
        host.start()
        host.wait()
        with rig.monkeypatch.context() as patch:
            fail(patch, name)
            assert is_unsure(host, method, path)
        assert host.http.request(method, f"/api/runs/run{path}").status_code in (200, 202)
        host.app.rest()
