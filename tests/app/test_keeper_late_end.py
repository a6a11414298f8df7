"""An attempt that ends late, during a redrive or a look of the keeper: neither one changes the other's run."""

from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest

from ingestion.contracts import Chunk, FailedChunks, RunState
from ingestion.recovery import Recovery
from ingestion.run import closing, run_report
from ingestion.run.failed import chunk_of, failed_chunks, record
from ingestion.run.ledger import Ledger
from ingestion.run.run_state import CANCEL
from ingestion.storage.spool import count_of
from tests.app.driven import MESSAGES, stocked
from tests.app.kept import CRASH, DONE, UNDER_WAY, Kept

FAILED = replace(UNDER_WAY, error="the source is gone")


def closes(kept: Kept, ledger: Ledger, state: RunState) -> Awaitable[Any]:
    """Return the end of an attempt in this state."""
    return closing.close(ledger, run_report.finish(replace(state, run=ledger.run), kept.now), kept.now)


@pytest.mark.parametrize("interrupts", ["the redrive", "the late end"])
async def test_an_attempt_that_closes_its_ledger_late_leaves_its_redrive_in_the_index(
    kept: Kept, interrupts: str
) -> None:
    """At every order of their requests: if the index misses the redrive, nobody recovers its next crash."""
    async for run_id in kept.at_each_request(more_than=8):
        ledger = await kept.begun(run_id, FAILED)
        kept.engine.has("Terminated", run_id)
        redrive, late_end = kept.redrive(run_id), closes(kept, ledger, FAILED)
        if interrupts == "the redrive":
            await kept.interrupted(late_end, by=redrive)
        else:
            await kept.interrupted(redrive, by=late_end)
        is_open = await kept.entry(run_id) is not None
        assert is_open == (len(kept.engine.started_of(run_id)) == 1)


@pytest.mark.parametrize(("who", "recoveries"), [("the keeper", 0), ("the keeper", 3), ("a person", 0)])
async def test_an_attempt_that_completes_late_is_not_begun_again_from_what_it_has_cleaned_up(
    kept: Kept, who: str, recoveries: int
) -> None:
    """At every order of their requests: an attempt without its spool would fetch and send again."""
    async for run_id in kept.at_each_request(more_than=8):
        often = (Recovery(at=kept.now.isoformat(), cause="a crash"),) * recoveries
        ledger = await kept.begun(run_id, replace(UNDER_WAY, recoveries=often))
        spooled = ledger.blob("batches/000002.json")
        await spooled.upload_blob(b"")
        kept.engine.has("Failed", run_id, output=CRASH)
        begins_again: Awaitable[Any] = kept.redrive(run_id) if who == "a person" else kept.look(times=2)
        await kept.interrupted(begins_again, by=closes(kept, ledger, replace(DONE, window=4)))
        goes_on = bool(kept.engine.started_of(run_id))
        ends = await kept.outcome(run_id), await spooled.exists()
        assert ends == ((None, True) if goes_on else ("completed", False))


async def test_an_attempt_that_is_cancelled_late_takes_no_chunk_that_a_second_redrive_needs(kept: Kept) -> None:
    """The redrive before has read the source to its end, and deleted its spool."""

    async def redrive(ledger: Ledger, old: RunState, failed: Chunk) -> None:
        gone_on = replace(old, attempt=1, window=5, source_exhausted=True)
        new = replace(gone_on, command=None, spooled=(), spooled_messages=0)
        await ledger.record_state(new, "now", after=old)
        await record(ledger, FailedChunks(run=old.run, attempt=1, chunks=(failed,), error="the queue said no"))
        await closes(kept, ledger, new)

    async for run_id in kept.at_each_request(more_than=8):
        old = replace(await stocked(kept, run_id), source_exhausted=False, command=CANCEL)
        ledger, [failed, *_] = kept.ledger(run_id), await failed_chunks(kept.ledger(run_id), old)
        await ledger.record_state(old, "now")
        await kept.interrupted(closes(kept, ledger, old), by=redrive(ledger, old, chunk_of(failed)))
        assert await count_of(kept.container, old.run, chunk_of(failed)) == MESSAGES
