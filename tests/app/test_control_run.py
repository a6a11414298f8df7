"""A command to a run that takes none is refused with what the run is."""

import json

import pytest

from clients.control_run import pause_run
from tests.app.kept import CRASH, Kept


@pytest.mark.parametrize(
    ("outcome", "text", "allowed"),
    [("completed", "the run has ended: completed", "`actions`"), (None, "the run is lost", "after the recovery")],
)
async def test_a_refused_command_says_whether_the_run_has_ended_or_is_lost(
    kept: Kept, outcome: str | None, text: str, allowed: str
) -> None:
    ledger = await kept.begun()
    if outcome is not None:
        await ledger.record_report({"outcome": outcome}, 0)
    kept.engine.has("Failed", output=CRASH)
    answer = await kept.answer_of(pause_run)
    problem = json.loads(answer.get_body())
    assert (answer.status_code, problem["field"]) == (409, "run_id")
    assert text in problem["detail"]
    assert allowed in problem["allowed"]
