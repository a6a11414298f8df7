"""An attempt that ends late, beside a redrive or a look of the keeper: neither takes the other's run for its own."""

from contextlib import suppress
from dataclasses import replace

import pytest

from ingestion.errors import RunLocked
from ingestion.recovery import Recovery
from ingestion.run import closing, open_runs
from local.emulator import Azurite
from tests.app.kept import CRASH, DONE, STARTED_AT, UNDER_WAY, Kept, keeping
from tests.app.test_keeper_crash import FAILED, interrupted, redrive


@pytest.mark.parametrize("interrupts", ["the redrive", "the late end"])
def test_an_attempt_that_closes_its_ledger_late_leaves_its_redrive_in_the_index(
    azurite: Azurite, queue_name: str, interrupts: str
) -> None:
    """Whenever one comes into the other: an index without the redrive would leave its next crash to nobody."""

    async def come_together(kept: Kept, request: int) -> bool:
        ledger = await kept.begun(f"run-{request}", FAILED)
        kept.engine.has("Terminated", ledger.run_id)

        async def close() -> None:
            await closing.close(ledger, closing.ended(ledger.run_id, FAILED, kept.now), kept.now)

        async def again() -> None:
            await redrive(kept, ledger)

        outer, inner = (close, again) if interrupts == "the redrive" else (again, close)
        came_so_far = await interrupted(kept, request, outer(), inner)
        is_open = await open_runs.find(kept.container, ledger.run_id) is not None
        assert is_open == (len(kept.engine.started_of(ledger.run_id)) == 1)
        return came_so_far

    async def work(kept: Kept) -> None:
        request = 1
        while await come_together(kept, request):
            request += 1
        assert request > 8

    keeping(azurite, queue_name, work)


@pytest.mark.parametrize(("who", "recoveries"), [("the keeper", 0), ("the keeper", 3), ("a person", 0)])
def test_an_attempt_that_completes_late_is_not_begun_again_from_what_it_has_cleaned_up(
    azurite: Azurite, queue_name: str, who: str, recoveries: int
) -> None:
    """Whenever it ends beside a look or a redrive: an attempt without its spool would fetch, and send, once more."""

    async def come_together(kept: Kept, request: int) -> bool:
        often = (Recovery(at=kept.now.isoformat(), cause="a crash"),) * recoveries
        ledger = await kept.begun(f"run-{request}", replace(UNDER_WAY, recoveries=often))
        spooled = ledger.blob("batches/000002.ndjson")
        await spooled.upload_blob(b"")
        kept.engine.has("Failed", ledger.run_id, output=CRASH)

        async def ends_late() -> None:
            await closing.close(ledger, closing.ended(ledger.run_id, replace(DONE, window=4), kept.now), kept.now)

        async def begins_again() -> None:
            if who == "a person":
                with suppress(RunLocked):
                    await redrive(kept, ledger)
            else:
                await kept.look()
                await kept.look()

        came_so_far = await interrupted(kept, request, begins_again(), ends_late)
        report, goes_on = await ledger.report(STARTED_AT), bool(kept.engine.started_of(ledger.run_id))
        outcome = None if report is None else report["outcome"]
        if came_so_far:
            assert (outcome, await spooled.exists()) == ((None, True) if goes_on else ("completed", False))
        kept.engine.let_rest(ledger.run_id)
        return came_so_far

    async def work(kept: Kept) -> None:
        request = 1
        while await come_together(kept, request):
            request += 1
        assert request > 8

    keeping(azurite, queue_name, work)
