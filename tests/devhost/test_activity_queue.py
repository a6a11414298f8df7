"""A crash makes no more activities run again than may run at once: a slot is free when the result is written."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from local.devhost.console import Console
from local.devhost.hub.activity_queue import ActivityQueue
from local.devhost.hub.clock import RealClock
from local.devhost.orchestration.episode import Activity

LIMIT = 3


class CountingWorker:
    """Counts what has begun, and ends it at once."""

    begun = 0

    async def run_activity(self, function: object, input_text: str | None) -> str | None:
        self.begun += 1
        return input_text


class CountingStore:
    """Notes at each write how many activities had begun whose results were not written."""

    def __init__(self, worker: CountingWorker) -> None:
        self.worker, self.written = worker, 0
        self.unwritten: list[int] = []

    def end_tasks(self, table: str, ended: Sequence[object]) -> list[str]:
        self.unwritten.append(self.worker.begun - self.written)
        self.written += len(ended)
        return []


def test_no_activity_begins_before_the_result_that_freed_its_slot_is_written() -> None:
    worker: Any = CountingWorker()
    store: Any = CountingStore(worker)
    functions: Any = {"note": object()}

    async def run() -> None:
        tasks: list[asyncio.Task[None]] = []

        def spawn(work: Coroutine[Any, Any, None]) -> None:
            tasks.append(asyncio.get_running_loop().create_task(work))

        queue = ActivityQueue(
            functions,
            worker,
            store,
            RealClock(),
            Console(write=lambda line: None),
            limit=LIMIT,
            spawn=spawn,
            tell=lambda instance_ids: None,
            fail=lambda error: None,
        )
        queue.add([Activity("run-1", "execution", task_id, "note", "1") for task_id in range(20)])
        await asyncio.gather(*tasks)
        assert queue.is_idle()

    asyncio.run(run())
    assert store.written == 20
    assert max(store.unwritten) == LIMIT
