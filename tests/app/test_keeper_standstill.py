"""Runs without progress: the keeper reports each one once, but no run that progresses or says why it waits."""

from datetime import datetime, timedelta

import pytest

from ingestion.run import open_runs
from ingestion.run.keeping import PATIENCE
from ingestion.run.ledger import Ledger
from tests.app.engine import HUB
from tests.app.kept import LATER, Kept, actions, at_work

REPORTED = ("WARNING", "run_stands_still")


async def test_a_standstill_is_reported_once_and_again_after_progress(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    await kept.begun()
    kept.engine.has("Running", **at_work())
    await kept.look(after=PATIENCE - timedelta(minutes=1))
    assert actions(caplog) == []
    await kept.look(after=LATER, times=3)
    assert actions(caplog) == [REPORTED]
    entry = await kept.entry()
    assert entry is not None
    an_hour_ago = (kept.now - timedelta(hours=1)).isoformat()
    await open_runs.note(kept.container, entry, found=entry.found, reported=an_hour_ago)
    await kept.look(after=LATER, times=3)
    assert actions(caplog) == [REPORTED] * 2


@pytest.mark.parametrize(
    ("status", "phase", "moved", "reported"),
    [
        ("Running", "running", None, [REPORTED]),
        ("Running", "running", 8, [REPORTED]),  # a chunk of another window
        ("Running", "running", 7, []),
        ("Running", "waiting", None, []),
        ("Running", "paused", None, []),
        ("Suspended", "running", None, []),
    ],
)
async def test_a_run_with_a_moving_chunk_or_a_wait_is_no_standstill_however_old_its_state(
    kept: Kept, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
    status: str, phase: str, moved: int | None, reported: list[tuple[str, str]],
) -> None:  # fmt: skip
    an_hour_ago = kept.now - timedelta(hours=1)

    async def recorded_at(ledger: Ledger) -> datetime:
        return an_hour_ago

    monkeypatch.setattr(Ledger, "state_recorded_at", recorded_at)
    await open_runs.enter(kept.container, "run", HUB, an_hour_ago, source="demo")
    kept.engine.has(status, **{**at_work(), "customStatus": {"phase": phase}})
    if moved is not None:
        await kept.ledger().blob(f"checkpoints/{moved:08}.json").upload_blob(b"{}")
    await kept.look(after=PATIENCE - timedelta(minutes=1))
    assert actions(caplog) == reported
