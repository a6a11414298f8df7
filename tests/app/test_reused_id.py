"""After a deletion the run id can start again: work that is left of the deleted run does not touch the new one."""

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from clients.delete_run import delete_run
from clients.start_run import start_run
from ingestion.contracts import Batch, FailedChunks, FailedPage, RunState
from ingestion.errors import SluiceError, StorageRefused
from ingestion.run import run_report
from ingestion.run.command import give
from ingestion.run.ledger import Ledger
from ingestion.run.request import read_reads
from ingestion.run.run_state import CANCEL, chunks_in_window, next_window, redriven
from ingestion.storage.spool import BatchWriter, Spool
from ingestion.wire import from_wire, to_wire
from tests.app.driven import MESSAGES, WHOLE, call, driven, stocked, texts_of
from tests.app.kept import Kept
from tests.faults.sending import texts_on

OLD, NEW = "20260101T000000-aa", "20260201T000000-bb"


async def fetches(kept: Kept, state: RunState) -> None:
    spool = Spool(kept.container, state.run)
    writer = BatchWriter(kept.container, state.run, 0)
    await writer.write_chunk([b'"late"\n'])
    batch = Batch(index=0, token=writer.token, first_chunk=0, chunks=1, count=1, size_bytes=7, pages=1)
    await spool.commit(batch)


async def enqueues(kept: Kept, state: RunState) -> None:
    await call("enqueue_chunk", to_wire(next_window(state, kept.now).chunks[0]))


async def records_its_window(kept: Kept, state: RunState) -> None:
    await call("record_window", to_wire(replace(state, window=9)))


async def lists_failed_chunks(kept: Kept, state: RunState) -> None:
    failed = FailedChunks(run=state.run, attempt=0, chunks=tuple(chunks_in_window(state)), error="late")
    await call("record_failed", to_wire(failed))


async def loads_failed_chunks(kept: Kept, state: RunState) -> None:
    again = redriven(state)
    assert again is not None
    found = from_wire(FailedPage, await call("load_failed", to_wire(next_window(again, kept.now).supply)))
    assert (found.chunks, found.error) == ((), None)


async def finishes(kept: Kept, state: RunState) -> None:
    await call("finish_run", to_wire(run_report.finish(replace(state, command=CANCEL, window=9), kept.now)))


async def is_cancelled(kept: Kept, state: RunState) -> None:
    await give(Ledger(kept.container, state.run), CANCEL)


LATE = [
    fetches, enqueues, records_its_window, lists_failed_chunks, loads_failed_chunks, finishes, is_cancelled
]  # fmt: skip


async def versions(kept: Kept) -> dict[str, Any]:
    """Return all blobs outside the folder of the deleted start, each with its ETag."""
    blobs = kept.container.list_blobs(include=["metadata"])
    return {blob.name: (blob.etag, blob.metadata) async for blob in blobs if OLD not in blob.name}


@pytest.mark.parametrize("late", LATE)
async def test_a_deleted_run_that_is_still_at_work_changes_nothing_of_the_younger_one(
    kept: Kept, late: Callable[[Kept, RunState], Awaitable[None]]
) -> None:
    old = await stocked(kept, start=OLD)
    kept.engine.has("Terminated")
    assert await kept.ask(delete_run) == 200
    assert await versions(kept) == {}

    state = await stocked(kept, start=NEW)
    before = await versions(kept)
    with suppress(SluiceError):
        await late(kept, old)
    assert await versions(kept) == before

    report = (await driven(state)).report or {}
    counts = tuple(report[name] for name in ("outcome", "enqueued", "failed"))
    assert counts == ("completed_with_failures", WHOLE - 2, 2)
    of_both = Counter(texts_of("run")[0 : MESSAGES + 1 : MESSAGES] * 2)  # what is on the queue at the start of each
    sent_by_the_younger = Counter(texts_of("run")[MESSAGES + 1 :])
    assert texts_on(kept.azurite, kept.container.container_name) == of_both + sent_by_the_younger


async def test_a_late_fetch_names_the_start_that_was_deleted_if_the_id_has_started_again(kept: Kept) -> None:
    younger = await stocked(kept, start=NEW)
    with pytest.raises(StorageRefused, match=f"the start {OLD} of run {younger.run.id} was deleted"):
        await read_reads(kept.container, younger.run._replace(start=OLD))


async def ran(kept: Kept, run_id: str) -> RunState:
    """Start a run, record its state, and end it."""
    assert await kept.ask(start_run, run_id) == 202
    state: RunState = kept.engine.started_of(run_id)[-1]
    ledger = Ledger(kept.container, state.run)
    await ledger.record_state(state, "now")
    await ledger.record_report({"outcome": "cancelled"}, state.attempt)
    kept.engine.has("Completed", run_id, input=to_wire(state))
    return state


async def test_a_start_after_a_deletion_that_died_at_any_request_never_repeats_a_key(kept: Kept) -> None:
    async for run_id in kept.at_each_request(more_than=5):
        await ran(kept, run_id)
        await kept.interrupted(kept.ask(delete_run, run_id), by=kept.connection.die())
        await kept.break_lock(run_id)
        await kept.ask(start_run, run_id)
        starts = [state.run.start for state in kept.engine.started_of(run_id)]
        assert len(starts) == len(set(starts))


async def test_a_start_during_which_its_run_is_deleted_and_started_anew_starts_nothing_of_the_deleted_one(
    kept: Kept,
) -> None:
    async def replace_it(run_id: str, new: list[RunState]) -> None:
        if not await kept.is_locked(run_id) and not kept.engine.started_of(run_id):
            assert await kept.ask(delete_run, run_id) == 200
            new.append(await ran(kept, run_id))

    async for run_id in kept.at_each_request(more_than=5):
        with suppress(BaseException):
            kept.engine.is_away = True  # the request is written, and nothing is started
            await kept.ask(start_run, run_id)
        kept.engine.is_away = False
        new = list[RunState]()
        await kept.interrupted(kept.ask(start_run, run_id), by=replace_it(run_id, new))
        assert not new or [state.run for state in kept.engine.started_of(run_id)] == [new[0].run]


async def test_a_deletion_of_remains_beside_a_start_takes_nothing_from_the_start(kept: Kept) -> None:
    async for run_id in kept.at_each_request(more_than=3):
        await kept.container.upload_blob(f"runs/{run_id}/{OLD}/state.json", b"{}")
        await kept.interrupted(kept.ask(delete_run, run_id), by=ran(kept, run_id))
        if kept.engine.instances.get(run_id):
            (new,) = kept.engine.started_of(run_id)
            assert await Ledger(kept.container, new.run).state() == new
