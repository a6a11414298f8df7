"""The example apps, unchanged from how they would be deployed, over HTTP and in virtual time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.devhost.hub.clock import VirtualClock
from local.devhost.testing import RunningApp, running_app

EXAMPLES = Path(__file__).parents[2] / "local" / "examples"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def served(name: str, state_file: Path, *, automatic: bool = False) -> Iterator[tuple[RunningApp, httpx.Client]]:
    clock = VirtualClock(BEGIN, automatic=automatic)
    with (
        running_app(EXAMPLES / name, state_file=state_file, clock=clock) as app,
        httpx.Client(base_url=f"{app.url}/api/", verify=False) as client,
    ):
        yield app, client


def answer(client: httpx.Client, method: str, path: str, body: Any = None) -> httpx.Response:
    response = client.request(method, path, json=body)
    assert response.status_code < 500, response.text
    return response


def status(client: httpx.Client, started: httpx.Response) -> Any:
    return client.get(started.json()["statusQueryGetUri"]).json()


@pytest.mark.parametrize(("approved", "outcome"), [(True, "approved"), (False, "rejected")])
def test_an_expense_ends_as_it_was_decided(tmp_path: Path, approved: bool, outcome: str) -> None:
    with served("expense_approval", tmp_path / "s.db") as (app, client):
        started = answer(client, "POST", "expenses", {"amount": 120, "by": "kim"})
        expense = started.json()["id"]
        app.rest()
        app.advance(timedelta(days=2, hours=23))
        app.rest()
        assert status(client, started)["customStatus"] == "waiting for a decision"
        assert answer(client, "POST", f"expenses/{expense}/decision", {"approved": approved}).status_code == 202
        assert app.result(expense) == {"outcome": outcome, "amount": 120, "by": "kim"}
        assert answer(client, "POST", f"expenses/{expense}/decision", {"approved": True}).status_code == 409
        assert answer(client, "POST", "expenses/unknown/decision", {"approved": True}).status_code == 404


def test_an_expense_that_nobody_decides_upon_expires(tmp_path: Path) -> None:
    with served("expense_approval", tmp_path / "s.db", automatic=True) as (app, client):
        started = answer(client, "POST", "expenses", {"amount": 120, "by": "kim"})
        assert app.result(started.json()["id"])["outcome"] == "expired"
        assert status(client, started)["lastUpdatedTime"] == "2026-01-04T00:00:00Z"


def test_a_fleet_is_updated_but_for_devices_that_never_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFLINE", "van-2=2,van-3=9")
    with served("fleet_update", tmp_path / "s.db", automatic=True) as (app, client):
        order = {"version": "1.4", "devices": ["van-1", "van-2", "van-3"]}
        started = answer(client, "POST", "updates", order)
        assert app.result(started.json()["id"]) == {
            "updated": ["van-1", "van-2"],
            "failed": {
                "van-3": "Orchestrator function 'update_device' failed: "
                "Activity function 'install' failed: DeviceOffline: van-3 does not answer"
            },
        }
        # Three attempts, ten minutes apart.
        assert status(client, started)["lastUpdatedTime"] == "2026-01-01T00:20:00Z"


def test_a_folder_is_cleaned_day_by_day_until_it_is_told_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.setenv("CLEANUP_FOLDER", str(folder))
    for age in (40, 29, 28, 0):
        (folder / f"{age}-days-old").touch()
        written = (BEGIN - timedelta(days=age)).timestamp()
        os.utime(folder / f"{age}-days-old", (written, written))
    with served("folder_cleanup", tmp_path / "s.db") as (app, client):
        started = answer(client, "POST", "cleanup")
        assert answer(client, "POST", "cleanup").status_code == 409
        seen = []
        for _ in range(4):
            app.rest()
            seen.append(status(client, started)["customStatus"])
            app.advance(timedelta(days=1, seconds=1))
        assert [totals["removed"] for totals in seen] == [1, 2, 3, 3]
        assert len(app.history("cleanup")) < 12
        assert answer(client, "DELETE", "cleanup").status_code == 202
        assert app.result("cleanup") == {"rounds": 5, "removed": 3}
        assert [path.name for path in folder.iterdir()] == ["0-days-old"]
        assert answer(client, "POST", "cleanup").status_code == 202
