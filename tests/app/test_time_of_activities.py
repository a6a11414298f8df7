"""An activity ends before the host ends its worker, whatever storage does, and loses nothing."""

import asyncio
from typing import Any

import pytest

from ingestion.errors import OutOfTime
from ingestion.run.run_state import next_window
from ingestion.storage.checkpoint import Checkpoint, CheckpointFile
from ingestion.wire import to_wire
from tests.app.driven import MESSAGES, call, stocked
from tests.app.kept import Kept

SECONDS = 2


async def test_storage_that_is_black_holed_at_the_last_checkpoint_ends_the_attempt_in_time(kept: Kept) -> None:
    state = await stocked(kept)
    request = to_wire(next_window(state, kept.now).chunks[-1])
    put = CheckpointFile._put

    async def swallow(file: CheckpointFile, checkpoint: Checkpoint, **condition: Any) -> None:
        if checkpoint.receipt is not None:
            await asyncio.Event().wait()
        await put(file, checkpoint, **condition)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AzureFunctionsJobHost__functionTimeout", f"00:00:0{SECONDS}")
        patch.setattr(CheckpointFile, "_put", swallow)
        with pytest.raises(OutOfTime, match="could not enqueue chunk 2 of run run within 2 s"):
            await call("enqueue_chunk", request)

    again = await call("enqueue_chunk", request)
    assert (again["enqueued"], again["possible_duplicates"]) == (MESSAGES, MESSAGES)
