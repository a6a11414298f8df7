"""A look of the keeper sends the same number of requests to storage for any number of closed ledgers."""

from datetime import timedelta

from ingestion.run import open_runs
from tests.app.engine import HUB
from tests.app.kept import CRASH, LATER, Kept, at_work


async def costs(kept: Kept, *, after: timedelta = timedelta(0)) -> int:
    """Look once, and return the number of requests."""
    kept.connection.requests = 0
    await kept.look(after=after)
    return kept.connection.requests


async def test_a_look_costs_one_request_and_two_for_each_open_run_and_two_more_for_an_old_state(kept: Kept) -> None:
    for run_id in ("closed-1", "closed-2"):
        await (await kept.begun(run_id)).record_report({"outcome": "completed"}, 0)
        await open_runs.forget(kept.container, run_id)
    assert await costs(kept, after=LATER) == 1, "nothing is open"

    for number, status in enumerate(["Running", "Suspended", "Failed", "Completed", None] * 2):
        await kept.begun(f"run-{number}")
        kept.engine.has(status, f"run-{number}", output=CRASH, **at_work(f"run-{number}"))
    assert await costs(kept) <= 1 + 2 * 10
    for run_id in await kept.open_runs():
        kept.engine.has("Running", run_id, **at_work(run_id))
    assert await costs(kept) <= 1 + 2 * 10
    assert 1 + 2 * 10 < await costs(kept, after=2 * LATER) <= 1 + 4 * 10, "each is looked at for a checkpoint"
    assert await costs(kept, after=2 * LATER) <= 1 + 4 * 10


async def test_an_entry_and_its_removal_cost_a_run_four_requests_in_all(kept: Kept) -> None:
    kept.connection.requests = 0
    for _ in range(2):  # before the request, and before the instance
        await open_runs.enter(kept.container, "run", HUB, kept.now, source="demo")
    await open_runs.remove(kept.container, await kept.entry())
    assert kept.connection.requests == 4
