"""How a run has ended, as GET tells it where its instance ended in another way than the run."""

import asyncio
from typing import Any

import pytest

from clients import get_run
from ingestion.wire import JsonObject

STATE = {"started_at": "2026-01-01T00:00:00+00:00"}
CRASH = "python exited with code 137"


class Closed:
    """A ledger with this report, or none."""

    def __init__(self, outcome: str | None) -> None:
        self._report = None if outcome is None else {"outcome": outcome}

    async def report(self, started_at: str) -> JsonObject | None:
        return self._report


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
    monkeypatch.setattr(get_run, "_ledger", lambda run_id: Closed(outcome))
    run: dict[str, Any] = {"run_id": "run", "status": instance, "report": None, "error": CRASH}
    told = asyncio.run(get_run._with_report(run, STATE))
    assert (told["status"], told["error"]) == expected
    assert (told["report"] is None) == (outcome is None)
