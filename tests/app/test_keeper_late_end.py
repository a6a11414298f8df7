"""An attempt that ends late, beside a redrive or a look of the keeper: neither takes the other's run for its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ingestion.contracts import FailedChunks, RunState, Spooled, grouped
from ingestion.recovery import Recovery
from ingestion.run import closing
from ingestion.run.failed import chunk_of, failed_chunks, record
from ingestion.run.ledger import Ledger
from ingestion.run.run_state import CANCEL
from ingestion.storage.spool import count_of
from tests.app.driven import MESSAGES, stocked
from tests.app.kept import CRASH, DONE, UNDER_WAY, Kept, Work

FAILED = replace(UNDER_WAY, error="the source is gone")


def closes(kept: Kept, ledger: Ledger, state: RunState) -> Work:
    """The end of an attempt that has come to this state."""
    return lambda: closing.close(ledger, closing.ended(replace(state, run=ledger.run), kept.now), kept.now)


@pytest.mark.parametrize("interrupts", ["the redrive", "the late end"])
async def test_an_attempt_that_closes_its_ledger_late_leaves_its_redrive_in_the_index(
    kept: Kept, interrupts: str
) -> None:
    """Whenever one comes into the other: an index without the redrive would leave its next crash to nobody."""

    @asynccontextmanager
    async def come_together(run_id: str) -> AsyncIterator[tuple[Work, Work]]:
        ledger = await kept.begun(run_id, FAILED)
        kept.engine.has("Terminated", run_id)
        pair = closes(kept, ledger, FAILED), lambda: kept.redrive(run_id)
        yield pair if interrupts == "the redrive" else pair[::-1]
        is_open = await kept.entry(run_id) is not None
        assert is_open == (len(kept.engine.started_of(run_id)) == 1)

    assert await kept.at_each_request(come_together) > 8


@pytest.mark.parametrize(("who", "recoveries"), [("the keeper", 0), ("the keeper", 3), ("a person", 0)])
async def test_an_attempt_that_completes_late_is_not_begun_again_from_what_it_has_cleaned_up(
    kept: Kept, who: str, recoveries: int
) -> None:
    """Whenever it ends beside a look or a redrive: an attempt without its spool would fetch, and send, once more."""

    @asynccontextmanager
    async def come_together(run_id: str) -> AsyncIterator[tuple[Work, Work]]:
        often = (Recovery(at=kept.now.isoformat(), cause="a crash"),) * recoveries
        ledger = await kept.begun(run_id, replace(UNDER_WAY, recoveries=often))
        spooled = ledger.blob("batches/000002.json")
        await spooled.upload_blob(b"")
        kept.engine.has("Failed", run_id, output=CRASH)
        begins_again: Work = lambda: kept.redrive(run_id) if who == "a person" else kept.look(times=2)  # noqa: E731
        yield begins_again, closes(kept, ledger, replace(DONE, window=4))
        goes_on = bool(kept.engine.started_of(run_id))
        ends = await kept.outcome(run_id), await spooled.exists()
        assert ends == ((None, True) if goes_on else ("completed", False))

    assert await kept.at_each_request(come_together) > 8


async def test_an_attempt_that_is_cancelled_late_takes_no_chunk_that_a_second_redrive_needs(kept: Kept) -> None:
    """The redrive before that has read the source to its end, and cleaned up after itself."""

    @asynccontextmanager
    async def come_together(run_id: str) -> AsyncIterator[tuple[Work, Work]]:
        old = replace(await stocked(kept, run_id), source_exhausted=False, command=CANCEL)
        ledger, [failed, *_] = kept.ledger(run_id), await failed_chunks(kept.ledger(run_id), old)
        await ledger.record_state(old, "now")
        new = replace(old, attempt=1, window=5, source_exhausted=True, command=None, spooled=Spooled())

        async def redrive() -> None:
            await ledger.record_state(new, "now", after=old)
            listing = FailedChunks(
                run=old.run, attempt=1, chunks=grouped([chunk_of(failed)]), error="the queue said no"
            )
            await record(ledger, listing)
            await closing.close(ledger, closing.ended(new, kept.now), kept.now)

        yield lambda: closing.close(ledger, closing.ended(old, kept.now), kept.now), redrive
        assert await count_of(kept.container, old.run, chunk_of(failed)) == MESSAGES

    assert await kept.at_each_request(come_together) > 8
