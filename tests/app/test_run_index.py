"""The index of all runs lists the newest first, says how each ended, and forgets deleted runs."""

from dataclasses import replace
from datetime import datetime, timedelta

from clients.delete_run import delete_run
from clients.start_run import start_run
from ingestion.contracts import Run
from ingestion.run import closing, run_index, run_report
from ingestion.run.clean_up import sweep
from ingestion.run.ledger import Ledger
from tests.app.engine import START, STARTED_AT
from tests.app.kept import CRASH, FRESH, Kept


async def listed(kept: Kept) -> list[tuple[str, str]]:
    """Return the runs in the order of the listing, each with its outcome."""
    blobs = kept.container.list_blobs(name_starts_with="index/", include=["metadata"])
    found = [(blob.name, blob.metadata.get("outcome", "")) async for blob in blobs]
    return [(name.partition("-")[2].removesuffix(".json"), outcome) for name, outcome in found]


async def test_runs_are_listed_newest_first_whatever_their_ids(kept: Kept) -> None:
    began = datetime.fromisoformat(STARTED_AT)
    for run_id, seconds in [("b", 0.0), ("a", 1.0), ("c", 1.002), ("d", 3e8), ("e", 2.0)]:
        started_at = (began + timedelta(seconds=seconds)).isoformat()
        await run_index.enter(kept.container, replace(FRESH, run=Run(run_id, START), started_at=started_at))
    assert [run_id for run_id, _ in await listed(kept)] == ["d", "e", "c", "a", "b"]


async def test_a_run_is_listed_from_its_start_with_its_outcome_once_it_has_ended_until_it_is_gone(kept: Kept) -> None:
    for run_id in ("deleted", "swept"):
        assert await kept.ask(start_run, run_id) == 202
        assert (run_id, "") in await listed(kept)
        await fails(kept, run_id)
        assert (run_id, "failed") in await listed(kept)
        assert await kept.redrive(run_id) == 202
        assert (run_id, "") in await listed(kept), "it goes on again"
        await fails(kept, run_id)
    assert await kept.ask(delete_run, "deleted") == 200
    assert await listed(kept) == [("swept", "failed")]
    assert await sweep(kept.container, kept.now + timedelta(days=400)) == ["swept"]
    assert await listed(kept) == []


async def fails(kept: Kept, run_id: str) -> None:
    """Fail the newest attempt of a run, and close its ledger."""
    state = replace(kept.engine.started_of(run_id)[-1], error="the source is gone")
    await closing.close(Ledger(kept.container, state.run), run_report.finish(state, kept.now), kept.now)
    kept.engine.has("Failed", run_id, output=CRASH)


async def test_the_late_end_of_a_deleted_run_does_not_list_it_again(kept: Kept) -> None:
    state = replace(FRESH, error="the source is gone")
    await run_index.enter(kept.container, state)
    await run_index.forget(kept.container, run_index.name_of(state.run.id, state.started_at))
    await run_index.note(kept.container, state, {"outcome": "failed", "finished_at": STARTED_AT})
    assert await listed(kept) == []
