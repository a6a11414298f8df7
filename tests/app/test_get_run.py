"""How a run has ended, as GET tells it where its instance ended in another way than the run."""

import asyncio
import json
from typing import Any

import azure.functions as func
import pytest

from clients import get_run
from ingestion.contracts import Run
from ingestion.run import run_state
from ingestion.run.ledger import Ledger
from ingestion.wire import JsonObject, to_wire
from tests.app.kept import FRESH, Kept

STATE = {"run": ["run", "20260101T000000-aa"]}
CRASH = "python exited with code 137"


@pytest.mark.parametrize(
    ("instance", "outcome", "expected"),
    [
        ("failed", "completed", ("completed", None)),
        ("failed", "cancelled", ("cancelled", None)),
        ("terminated", "completed_with_failures", ("completed_with_failures", None)),
        ("failed", "failed", ("failed", CRASH)),
        ("terminated", "terminated", ("terminated", CRASH)),
        ("failed", None, ("lost", CRASH)),
        ("terminated", None, ("terminated", CRASH)),
    ],
)
def test_a_closed_ledger_says_how_a_run_has_ended_whatever_became_of_its_instance(
    monkeypatch: pytest.MonkeyPatch, instance: str, outcome: str | None, expected: tuple[str, str | None]
) -> None:
    async def report(ledger: Ledger) -> JsonObject | None:
        return None if outcome is None else {"outcome": outcome}

    monkeypatch.setattr(get_run, "_container", lambda: None)
    monkeypatch.setattr(Ledger, "report", report)
    run: dict[str, Any] = {"run_id": "run", "status": instance, "report": None, "error": CRASH}
    told = asyncio.run(get_run._with_report(run, STATE))
    assert (told["status"], told["error"]) == expected
    assert (told["report"] is None) == (outcome is None)


async def test_an_instance_of_an_earlier_start_that_has_ended_is_not_told_as_the_run(kept: Kept) -> None:
    earlier = run_state.start(Run("run", "earlier"), FRESH.request, FRESH.started_at)
    kept.engine.has("Completed", input=to_wire(earlier), output={"outcome": "completed"})
    request = func.HttpRequest("GET", "/api/runs/run", route_params={"run_id": "run"}, body=b"")
    call = get_run.get_run._function.get_user_function().client_function

    async def status() -> Any:
        return json.loads((await call(req=request, client=kept.engine)).get_body())["status"]

    assert await status() == "completed"
    await kept.begun(state=None)
    assert await status() == "lost"
