"""The sender with queues that only count: how far it is ahead of a checkpoint, how it distributes, how it stops."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import pairwise
from time import monotonic
from typing import Any

import pytest

from ingestion.contracts import Chunk, EnqueueRequest, Run
from ingestion.errors import ChunkTakenOver, StorageRefused, StorageUnavailable
from ingestion.sending import queue_sender
from ingestion.sending.accounting import Accounts
from ingestion.sending.ceiling import Share, Turn
from ingestion.sending.message_format import Post, posts_of
from ingestion.sending.queue_sender import QueueSender
from ingestion.settings import load_settings

STORAGE = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}
Step = Callable[[], Awaitable[None]]


async def a_moment() -> None:
    await asyncio.sleep(0)


def posts(count: int) -> Iterator[Post]:
    return (Post(index, index + 1, b"") for index in range(count))


class Trial:
    """Sends a chunk to fake queues; `taken` counts the puts that have begun."""

    def __init__(self, count: int = 100, queues: Iterable[str] = ("q",)) -> None:
        self.count, self.queues = count, list(queues)
        self.accounts, self.taken = Accounts(count, (), {}), Counter[str]()

    async def send(
        self,
        *,
        put: Step = a_moment,
        save: Step = a_moment,
        of: Iterator[Post] | None = None,
        first_queue: int = 0,
        window: int = 100,
        turn: Turn | None = None,
        deadline: float = float("inf"),
    ) -> QueueSender:
        """Send the posts `of` the chunk, and wait for `put` and `save` each time; return the sender."""

        async def put_message(queue: str, *others: object) -> None:
            self.taken[queue] += 1
            await put()

        sender = QueueSender(self.queues, self.accounts, save, concurrency=8, window=window, turn=turn)  # type: ignore[arg-type]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(queue_sender, "put_message", put_message)
            await sender.send(of or posts(self.count), first_queue, deadline)
        return sender


def turns(per_second: float) -> Turn | None:
    """Return the turns of the only worker of a run; None without a ceiling, as in the app."""
    if not per_second:
        return None
    share = Share("worker", per_second)
    share.written(share.renewed({}, monotonic()), monotonic())
    return share.turn


@pytest.mark.parametrize("per_second", [0.0, 20_000.0, 2_000.0])
async def test_no_more_than_the_window_is_sent_beyond_the_last_checkpoint(per_second: float) -> None:
    trial, saved, worst = Trial(300), 0, 0

    async def put() -> None:
        nonlocal worst
        worst = max(worst, trial.taken.total() - saved)
        await asyncio.sleep(0.001)

    async def save() -> None:
        nonlocal saved
        done = trial.accounts.enqueued
        await asyncio.sleep(0.002)
        saved = done

    await trial.send(put=put, save=save, window=5, turn=turns(per_second))
    assert (trial.taken.total(), worst) == (300, 5)


async def test_a_checkpoint_is_written_for_each_half_of_the_window_and_not_twice() -> None:
    trial, saves = Trial(1_000), list[int]()

    async def put() -> None:
        await asyncio.sleep(0.001)

    async def save() -> None:
        saves.append(trial.accounts.enqueued)
        await asyncio.sleep(0.005)

    await trial.send(put=put, save=save, window=200)
    assert 8 <= len(saves) <= 10
    assert all(later - earlier >= 100 for earlier, later in pairwise(saves))


@pytest.mark.parametrize("format", ["raw", "packed"])
@pytest.mark.parametrize("queues", [2, 3, 5, 10])
async def test_the_messages_of_a_batch_are_spread_evenly(format: str, queues: int) -> None:
    settings = load_settings({**STORAGE, "SLUICE_MESSAGE_FORMAT": format, "SLUICE_PACK_MESSAGES": "10"})
    taken = Counter[str]()
    for chunk in range(20):
        trial = Trial(60, [f"q{number}" for number in range(queues)])
        request = EnqueueRequest(run=Run("r", "s1"), source="s", chunk=Chunk(chunk, "token"))
        await trial.send(of=posts_of([b"%d" % index for index in range(60)], request, settings), first_queue=chunk)
        taken += trial.taken
    assert len(taken) == queues
    assert max(taken.values()) <= 1.1 * min(taken.values())


async def test_an_unforeseen_error_of_a_put_or_of_the_posts_is_raised_as_it_is() -> None:
    async def put() -> None:
        raise LookupError("no such key") from OSError("the cause")

    def broken() -> Iterator[Post]:
        yield from posts(20)
        raise LookupError("no such message")

    with pytest.raises(LookupError, match="no such key") as raised:
        await Trial().send(put=put)
    assert isinstance(raised.value.__cause__, OSError)
    with pytest.raises(LookupError, match="no such message"):
        await Trial().send(of=broken())


async def test_a_checkpoint_that_cannot_be_written_stops_the_lanes_and_every_message_under_way_counts() -> None:
    trial, error, taken_when_it_failed = Trial(), StorageUnavailable("storage is busy"), 0

    async def put() -> None:
        await asyncio.sleep(0.01)

    async def save() -> None:
        nonlocal taken_when_it_failed
        taken_when_it_failed = trial.taken.total()
        raise error

    sender = await trial.send(put=put, save=save, window=40)
    assert sender.save_error is error
    assert (sender.error, sender.out_of_time) == (None, None)
    assert trial.accounts.enqueued == trial.taken.total() == taken_when_it_failed < 100


async def test_a_chunk_that_another_copy_has_taken_over_stops_at_once() -> None:
    trial = Trial()

    async def put() -> None:
        await asyncio.sleep(0 if trial.taken.total() < 20 else 3_600)

    async def save() -> None:
        raise ChunkTakenOver("another copy sends it")

    with pytest.raises(ChunkTakenOver, match="another copy"):
        await trial.send(put=put, save=save, window=20)


@pytest.mark.parametrize("is_taken_over", [False, True])
async def test_a_copy_that_was_frozen_begins_no_put_before_it_knows_that_the_chunk_is_still_its_own(
    is_taken_over: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial, frozen_seconds = Trial(), 0.0
    monkeypatch.setattr(queue_sender, "monotonic", lambda: monotonic() + frozen_seconds)

    async def put() -> None:
        nonlocal frozen_seconds
        if trial.taken.total() == 10:
            frozen_seconds = 60.0
        await a_moment()

    async def save() -> None:
        assert trial.taken.total() == 10
        if is_taken_over:
            raise ChunkTakenOver("another copy sends it")

    if is_taken_over:
        with pytest.raises(ChunkTakenOver):
            await trial.send(put=put, save=save, window=1_000)
    else:
        await trial.send(put=put, save=save, window=1_000)
    assert trial.taken.total() == (10 if is_taken_over else 100)


async def test_each_put_without_an_answer_takes_a_place_in_the_window_and_none_waits_for_ever() -> None:
    trial, saved, begun, ended, worst = Trial(20), 0, 0, 0, 0

    async def put_message(
        queue: str, body: bytes, effort: object, deadline: float, stopped: object, again: Any, sleep: object
    ) -> None:
        nonlocal begun, ended, worst
        for is_last in (False, False, False, True):
            begun += 1
            worst = max(worst, begun - saved)
            await a_moment()
            ended += 1
            if not is_last:
                await again(True)

    async def save() -> None:
        nonlocal saved
        known = ended
        await a_moment()
        saved = known

    sender = QueueSender(["q"], trial.accounts, save, concurrency=8, window=5)  # type: ignore[list-item]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue_sender, "put_message", put_message)
        await sender.send(posts(20), 0, float("inf"))
    assert (begun, worst, trial.accounts.enqueued) == (80, 5, 20)


async def test_a_sender_sends_no_faster_than_its_turns_come() -> None:
    trial, given = Trial(), 0

    def turn(now: float) -> float:
        nonlocal given
        given += given < 20
        return 0.0 if given < 20 else 3_600.0

    sender = await trial.send(turn=turn, deadline=monotonic() + 0.1)
    assert trial.accounts.enqueued == 19
    assert "SLUICE_ENQUEUE_SECONDS" in str(sender.out_of_time)


async def test_lanes_that_wait_for_their_turn_stop_with_the_others() -> None:
    asked = 0

    async def refuse() -> None:
        await asyncio.sleep(0.005)
        raise StorageRefused("no such queue")

    def turn(now: float) -> float:
        nonlocal asked
        asked += 1
        return 0.0 if asked == 1 else 0.01

    sender = await Trial().send(put=refuse, turn=turn)
    assert sender.error == "no such queue"
    assert asked == 2, "one lane waits for its turn, and the others wait behind it"
