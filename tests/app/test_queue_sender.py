"""Sending a chunk to queues that only count: how far it goes beyond a checkpoint, and how evenly it spreads."""

import asyncio
from collections import Counter

import pytest

from ingestion.contracts import EnqueueRequest
from ingestion.sending import queue_sender
from ingestion.sending.accounting import Accounts
from ingestion.sending.message_format import Post, posts_of
from ingestion.sending.put_message import Effort
from ingestion.sending.queue_sender import QueueSender
from ingestion.settings import load_settings

STORAGE = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}


class Queue:
    """Takes each post after a moment; knows its name and what came."""

    def __init__(self, name: str = "q") -> None:
        self.name, self.taken = name, 0


async def take(queue: Queue, body: bytes, effort: Effort, deadline: float, stopped: object) -> None:
    await asyncio.sleep(0)
    queue.taken += 1


@pytest.mark.parametrize("per_second", [0.0, 20_000.0, 2_000.0])
def test_no_more_than_the_window_is_sent_beyond_the_last_checkpoint(
    per_second: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, window, queue, saved, worst = 300, 10, Queue(), 0, 0

    async def put(queue: Queue, body: bytes, effort: Effort, deadline: float, stopped: object) -> None:
        nonlocal worst
        queue.taken += 1
        worst = max(worst, queue.taken - saved)
        await asyncio.sleep(0.001)

    async def save() -> None:
        nonlocal saved
        done = accounts.enqueued
        await asyncio.sleep(0.002)
        saved = done

    monkeypatch.setattr(queue_sender, "put_message", put)
    accounts = Accounts(count, (), {})
    sender = QueueSender([queue], accounts, save, concurrency=32, window=window, per_second=per_second)  # type: ignore[list-item]
    posts = (Post(index, index + 1, b"") for index in range(count))
    asyncio.run(sender.send(posts, 0, deadline=float("inf")))
    assert queue.taken == count
    assert worst == window


@pytest.mark.parametrize("format", ["raw", "packed"])
@pytest.mark.parametrize("queues", [2, 3, 5, 10])
def test_the_messages_of_a_batch_are_spread_evenly(format: str, queues: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_sender, "put_message", take)
    settings = load_settings({**STORAGE, "SLUICE_MESSAGE_FORMAT": format, "SLUICE_PACK_MESSAGES": "10"})
    shards, size = [Queue(f"q{number}") for number in range(queues)], 60
    for chunk in range(20):
        request = EnqueueRequest(
            run_id="r", source="s", batch_index=0, chunk_index=chunk, blob="b", start_byte=0, end_byte=0,
            first_message=chunk * size, count=size, run_started_at="t",
        )  # fmt: skip
        sender = QueueSender(shards, Accounts(size, (), {}), nothing, concurrency=8, window=100)  # type: ignore[arg-type]
        posts = posts_of([str(index) for index in range(size)], request, settings)
        asyncio.run(sender.send(posts, request.chunk_index, deadline=float("inf")))
    taken = Counter({shard.name: shard.taken for shard in shards})
    assert max(taken.values()) <= 1.1 * min(taken.values())


async def nothing() -> None:
    pass
