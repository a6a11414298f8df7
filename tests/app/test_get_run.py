"""How a run has ended, as GET tells it where its instance ended in another way than the run."""

import asyncio
from typing import Any

import pytest

from clients import get_run
from ingestion.run.ledger import Ledger
from ingestion.wire import JsonObject

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
