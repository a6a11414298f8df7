"""The sender with queues that only count: how far it goes beyond a checkpoint, how evenly it spreads, how it stops."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from time import monotonic

import pytest

from ingestion.contracts import Chunk, EnqueueRequest, Run
from ingestion.errors import ChunkTakenOver, StorageRefused, StorageUnavailable
from ingestion.sending import queue_sender
from ingestion.sending.accounting import Accounts
from ingestion.sending.ceiling import Share, Turn
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


def turns(per_second: float) -> Turn:
    """The turns of the only worker of a run."""
    share = Share("worker", per_second)
    share.written(share.renewed({}, monotonic()), monotonic())
    return share.turn


@pytest.mark.parametrize("per_second", [None, 20_000.0, 2_000.0])
def test_no_more_than_the_window_is_sent_beyond_the_last_checkpoint(
    per_second: float | None, monkeypatch: pytest.MonkeyPatch
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
    turn = turns(per_second) if per_second else None
    sender = QueueSender([queue], accounts, save, concurrency=32, window=window, turn=turn)  # type: ignore[list-item]
    asyncio.run(sender.send(posts(count), 0, deadline=float("inf")))
    assert queue.taken == count
    assert worst == window


@pytest.mark.parametrize("format", ["raw", "packed"])
@pytest.mark.parametrize("queues", [2, 3, 5, 10])
def test_the_messages_of_a_batch_are_spread_evenly(format: str, queues: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_sender, "put_message", take)
    settings = load_settings({**STORAGE, "SLUICE_MESSAGE_FORMAT": format, "SLUICE_PACK_MESSAGES": "10"})
    shards, size = [Queue(f"q{number}") for number in range(queues)], 60
    for chunk in range(20):
        request = EnqueueRequest(run=Run("r", "s1"), source="s", chunk=Chunk(chunk, "token"))
        sender = QueueSender(shards, Accounts(size, (), {}), nothing, concurrency=8, window=100)  # type: ignore[arg-type]
        chunk_posts = posts_of([b"%d" % index for index in range(size)], request, settings)
        asyncio.run(sender.send(chunk_posts, chunk, deadline=float("inf")))
    taken = Counter({shard.name: shard.taken for shard in shards})
    assert max(taken.values()) <= 1.1 * min(taken.values())


async def nothing() -> None:
    pass


def sender_of(count: int, save: Callable[[], Awaitable[None]] = nothing, window: int = 10) -> QueueSender:
    return QueueSender([Queue()], Accounts(count, (), {}), save, concurrency=8, window=window)  # type: ignore[list-item]


def posts(count: int) -> Iterator[Post]:
    return (Post(index, index + 1, b"") for index in range(count))


def test_an_unforeseen_error_of_a_put_is_raised_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async def put(queue: Queue, body: bytes, effort: Effort, deadline: float, stopped: object) -> None:
        await take(queue, body, effort, deadline, stopped)
        if queue.taken == 20:
            raise LookupError("no such key") from OSError("the cause")

    monkeypatch.setattr(queue_sender, "put_message", put)
    with pytest.raises(LookupError, match="no such key") as raised:
        asyncio.run(sender_of(100).send(posts(100), 0, deadline=float("inf")))
    assert isinstance(raised.value.__cause__, OSError)


def test_an_unforeseen_error_of_the_posts_is_raised_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Iterator[Post]:
        yield from posts(20)
        raise LookupError("no such message")

    monkeypatch.setattr(queue_sender, "put_message", take)
    with pytest.raises(LookupError, match="no such message"):
        asyncio.run(sender_of(100).send(broken(), 0, deadline=float("inf")))


def test_a_checkpoint_that_cannot_be_written_stops_the_lanes_and_every_message_under_way_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error, begun, taken_when_it_failed = StorageUnavailable("storage is busy"), 0, 0

    async def put(queue: Queue, body: bytes, effort: Effort, deadline: float, stopped: object) -> None:
        nonlocal begun
        begun += 1
        await asyncio.sleep(0.01)

    async def save() -> None:
        nonlocal taken_when_it_failed
        taken_when_it_failed = begun
        raise error

    monkeypatch.setattr(queue_sender, "put_message", put)
    accounts = Accounts(100, (), {})
    sender = QueueSender([Queue()], accounts, save, concurrency=8, window=40)  # type: ignore[list-item]
    asyncio.run(sender.send(posts(100), 0, deadline=float("inf")))
    assert sender.save_error is error
    assert (sender.error, sender.out_of_time) == (None, None)
    assert begun == taken_when_it_failed < 100
    assert accounts.enqueued == begun


def test_a_chunk_that_another_copy_has_taken_over_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def put(queue: Queue, body: bytes, effort: Effort, deadline: float, stopped: object) -> None:
        queue.taken += 1
        await asyncio.sleep(0 if queue.taken < 20 else 3_600)

    async def save() -> None:
        raise ChunkTakenOver("another copy sends it")

    monkeypatch.setattr(queue_sender, "put_message", put)
    with pytest.raises(ChunkTakenOver, match="another copy"):
        asyncio.run(sender_of(100, save, window=20).send(posts(100), 0, deadline=float("inf")))


def test_a_sender_sends_no_faster_than_its_turns_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_sender, "put_message", take)
    given = 0

    def turn(now: float) -> float:
        nonlocal given
        given += given < 20
        return 0.0 if given < 20 else 3_600.0

    accounts = Accounts(100, (), {})
    sender = QueueSender([Queue()], accounts, nothing, concurrency=8, window=100, turn=turn)  # type: ignore[list-item]
    asyncio.run(sender.send(posts(100), 0, deadline=monotonic() + 0.1))
    assert accounts.enqueued == 19
    assert "SLUICE_ENQUEUE_SECONDS" in str(sender.out_of_time)


def test_lanes_that_wait_for_their_turn_stop_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*given: object) -> None:
        await asyncio.sleep(0.005)
        raise StorageRefused("no such queue")

    monkeypatch.setattr(queue_sender, "put_message", refuse)
    asked = 0

    def turn(now: float) -> float:
        nonlocal asked
        asked += 1
        return 0.0 if asked == 1 else 0.01

    sender = QueueSender([Queue()], Accounts(100, (), {}), nothing, concurrency=8, window=100, turn=turn)  # type: ignore[list-item]
    asyncio.run(sender.send(posts(100), 0, deadline=float("inf")))
    assert sender.error == "no such queue"
    assert asked == 2, "one lane waits for its turn, and the others wait behind it"
