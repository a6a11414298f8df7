"""The example app, as it would be deployed, over HTTP and in virtual time."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.devhost.hub.clock import VirtualClock
from local.devhost.testing import RunningApp, running_app

EXAMPLE = Path(__file__).parents[2] / "local" / "devhost" / "examples" / "expense_approval"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def served(state_file: Path, *, automatic: bool = False) -> Iterator[tuple[RunningApp, httpx.Client]]:
    clock = VirtualClock(BEGIN, automatic=automatic)
    with (
        running_app(EXAMPLE, state_file=state_file, clock=clock) as app,
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
    with served(tmp_path / "s.db") as (app, client):
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
    with served(tmp_path / "s.db", automatic=True) as (app, client):
        started = answer(client, "POST", "expenses", {"amount": 120, "by": "kim"})
        assert app.result(started.json()["id"])["outcome"] == "expired"
        assert status(client, started)["lastUpdatedTime"] == "2026-01-04T00:00:00Z"
