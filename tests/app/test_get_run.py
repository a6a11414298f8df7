"""GET reports how a run ended, also if its instance ended in another way."""

import json
from dataclasses import replace
from typing import Any

import pytest

from clients.get_run import get_run
from ingestion.contracts import Chunks, RunState
from ingestion.run import run_report
from ingestion.run.command import GO, give
from ingestion.run.run_state import CANCEL, PAUSE
from tests.app.kept import CRASH, DONE, UNDER_WAY, Kept, at_work

WHY = CRASH.removeprefix("Orchestrator function 'ingest_run' failed: ")
PROGRESS = run_report.progress(UNDER_WAY)


async def run_of(kept: Kept) -> Any:
    return json.loads((await kept.answer_of(get_run)).get_body())


@pytest.mark.parametrize(
    ("instance", "outcome", "expected"),
    [
        ("Failed", "completed", ("completed", None)),
        ("Failed", "cancelled", ("cancelled", None)),
        ("Terminated", "completed_with_failures", ("completed_with_failures", None)),
        ("Failed", "failed", ("failed", WHY)),
        ("Terminated", "terminated", ("terminated", WHY)),
        ("Failed", None, ("lost", WHY)),
        ("Terminated", None, ("terminated", WHY)),
    ],
)
async def test_a_closed_ledger_says_how_a_run_has_ended_whatever_became_of_its_instance(
    kept: Kept, instance: str, outcome: str | None, expected: tuple[str, str | None]
) -> None:
    ledger = await kept.begun()
    if outcome is not None:
        await ledger.record_report({"outcome": outcome}, 0)
    kept.engine.has(instance, output=CRASH)
    run = await run_of(kept)
    assert (run["status"], run["error"], run["report"] is None) == (*expected, outcome is None)


@pytest.mark.parametrize(
    ("state", "allowed"),
    [
        (UNDER_WAY, ["redrive", "delete"]),
        (DONE, ["delete"]),
        (replace(DONE, fetched=10, spooled=(Chunks("aa", "7"),), spooled_messages=10), ["redrive", "delete"]),
    ],
)
async def test_an_ended_run_offers_a_redrive_if_and_only_if_it_would_be_accepted(
    kept: Kept, state: RunState, allowed: list[str]
) -> None:
    """Also if every message was sent before the terminate, but the window was not recorded."""
    ledger = await kept.begun(state=state)
    kept.engine.has("Terminated", **at_work(), output=CRASH)
    assert (await run_of(kept))["actions"] == allowed, "the keeper has not yet closed the ledger"
    await ledger.record_report({"outcome": "terminated", "source_exhausted": True, "failed": 0, "pending": 0}, 0)
    assert (await run_of(kept))["actions"] == allowed
    assert await kept.redrive() == (202 if "redrive" in allowed else 409)


async def test_an_ended_instance_of_an_earlier_start_is_not_reported_as_the_run(kept: Kept) -> None:
    kept.engine.has("Completed", input={"run": ["run", "earlier"]}, output={"outcome": "completed"})
    assert (await run_of(kept))["status"] == "completed"
    await kept.begun(state=None)
    assert (await run_of(kept))["status"] == "lost"


@pytest.mark.parametrize(
    ("phase", "command", "expected"),
    [
        ("running", PAUSE, "pausing"),
        ("waiting", PAUSE, "pausing"),
        ("paused", PAUSE, "paused"),
        ("running", CANCEL, "cancelling"),
        ("paused", CANCEL, "cancelling"),
        ("held", CANCEL, "cancelling"),
        ("ending", CANCEL, "ending"),
        ("running", GO, "running"),
        ("paused", GO, "paused"),
    ],
)
async def test_a_command_shows_in_the_status_before_it_has_taken_hold(
    kept: Kept, phase: str, command: str, expected: str
) -> None:
    ledger = await kept.begun()
    kept.engine.has("Running", **{**at_work(), "customStatus": {**PROGRESS, "phase": phase}})
    assert (await run_of(kept))["status"] == phase
    await give(ledger, command)
    assert (await run_of(kept))["status"] == expected
