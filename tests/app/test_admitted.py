"""The report's possible duplicates cover all messages on the queue beyond its count, in every attempt."""

from typing import Any

import pytest
from azure.storage.queue.aio import QueueClient

from ingestion.contracts import EnqueueRequest, RunState
from ingestion.errors import StorageUnavailable
from ingestion.open_storage import Storage
from ingestion.run import closing, run_report, run_state
from ingestion.settings import load_settings
from ingestion.storage.checkpoint import CheckpointFile
from ingestion.wire import to_wire
from tests.app.driven import WHOLE, call, driven, stocked
from tests.app.kept import CRASH, Kept


async def on_queue(kept: Kept) -> int:
    settings = load_settings()
    async with QueueClient.from_connection_string(kept.azurite.connection_string, settings.queue) as client:
        return int((await client.get_queue_properties()).approximate_message_count or 0)


async def admitted(kept: Kept) -> None:
    """Fail unless the last report of the run covers the messages on the queue."""
    report = await kept.ledger().report() or {}
    beyond = await on_queue(kept) - report["enqueued"]
    assert 0 <= beyond <= report["possible_duplicates"], report


async def away(*given: Any) -> None:
    raise StorageUnavailable("storage is away")


async def redriven(kept: Kept) -> RunState:
    kept.engine.let_rest("run")
    kept.engine.has("Failed", output=CRASH)
    assert await kept.redrive() == 202
    state: RunState = kept.engine.started_of("run")[-1]
    return state


@pytest.mark.parametrize("end", ["given up", "terminated", "cancelled"])
async def test_a_chunk_that_ends_without_a_receipt_admits_what_it_may_have_sent(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """The redrive cannot record its window, and is redriven again."""
    state = await stocked(kept)
    with monkeypatch.context() as patch:
        patch.setattr(CheckpointFile, "write", away)
        if end == "given up":
            await driven(state)
        else:
            for chunk in run_state.chunks_in_window(state):
                with pytest.raises(StorageUnavailable):
                    await call("enqueue_chunk", to_wire(EnqueueRequest(run=state.run, source="demo", chunk=chunk)))
            await closing.close(kept.ledger(), run_report.finish(state, kept.now, end), kept.now)
        await admitted(kept)
        patch.setattr(Storage, "prepare", away)
        await driven(await redriven(kept))
        await admitted(kept)
    generation = await driven(await redriven(kept))
    assert generation.report is not None, generation.error
    assert generation.report["enqueued"] == WHOLE
    await admitted(kept)
