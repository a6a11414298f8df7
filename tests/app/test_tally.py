"""The progress of a chunk is visible at once in the process that sends it, and elsewhere by its checkpoint."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from clients.progress import look_at_checkpoints
from ingestion import clock
from ingestion.contracts import Chunks, Run, RunState, Settled
from ingestion.hold import Hold
from ingestion.run.run_state import PAUSE
from ingestion.sending import tally as tallies
from ingestion.sending.accounting import Accounts
from ingestion.sending.message_format import Post
from ingestion.sending.tally import Tally
from ingestion.settings import load_settings
from tests.app.kept import FRESH, Kept
from tests.faults.sending import RUN, opened, spooled

TEXTS = [f"id-{number}" for number in range(2_000)]


def post(first: int, stop: int) -> Post:
    return Post(first=first, stop=stop, body=b"")


def test_a_chunk_is_counted_while_it_is_sent_and_afterwards_if_nothing_of_it_is_left() -> None:
    tally, accounts = Tally(), Accounts(10, (), {})
    with tally.counting(RUN, 4, accounts):
        assert tally.counts(RUN, [3, 4]) == [Settled(4, 10)]
        accounts.enqueue(post(0, 6))
        assert tally.counts(RUN, [3, 4]) == [Settled(4, 10, 6)]
    assert tally.counts(RUN, [4]) == [], "another process may go on with it"
    with tally.counting(RUN, 4, accounts):
        accounts.enqueue(post(6, 9))
        accounts.refuse(post(9, 10), "too large")
    assert tally.counts(RUN, [4]) == [Settled(4, 10, 9, 1)]
    assert tally.counts(Run(RUN.id, "another start"), [4]) == []


def test_a_copy_that_ends_late_leaves_the_counts_of_the_one_that_has_the_chunk() -> None:
    tally, early, late = Tally(), Accounts(10, (), {}), Accounts(10, (), {})
    late.enqueue(post(0, 7))
    first = tally.counting(RUN, 0, early)
    first.__enter__()
    with tally.counting(RUN, 0, late):
        first.__exit__(None, None, None)
        assert tally.counts(RUN, [0]) == [Settled(0, 10, 7)]


def test_of_very_many_chunks_those_are_counted_that_were_sent_last() -> None:
    tally = Tally(most=2)
    for number in range(4):
        accounts = Accounts(1, (), {})
        with tally.counting(RUN, number, accounts):
            accounts.enqueue(post(0, 1))
    assert [one.number for one in tally.counts(RUN, range(4))] == [2, 3]


async def test_the_checkpoints_of_others_are_read_every_five_seconds_while_some_of_the_window_is_sent_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moments = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number) for number in range(100))
    monkeypatch.setattr(clock, "now", lambda: next(moments))
    tally, accounts, reads = Tally(), Accounts(10, (), {}), list[set[int]]()

    async def read(numbers: Iterable[int]) -> list[Settled]:
        reads.append({*numbers})
        return [Settled(2, 10, len(reads))]

    with tally.counting(RUN, 1, accounts):
        for number in range(10):
            accounts.enqueue(post(0, number))
            found = {one.number: one.enqueued for one in await tally.window_counts(RUN, [0, 1, 2], read)}
            assert found == {1: number, 2: 1 + number // 5}, "what is sent here moves each time"
        assert reads == [{0, 2}] * 2
        await tally.window_counts(RUN, [1, 2, 3], read)
        assert reads[2:] == [{2, 3}], "another window"
    for _ in range(3):
        await tally.window_counts(RUN, [1, 2, 3], read)
    assert reads[3:] == [{1, 2, 3}] * 3, "nothing is sent here any more"


async def test_checkpoints_are_read_once_a_second_at_most_whatever_happens_in_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began, tenths, reads = datetime(2026, 1, 1, tzinfo=UTC), 0, list[int]()
    monkeypatch.setattr(clock, "now", lambda: began + timedelta(seconds=tenths / 10))
    tally, accounts = Tally(), Accounts(10, (), {})

    async def read(numbers: Iterable[int]) -> list[Settled]:
        reads.append(tenths)
        return [Settled(number, 10, 5) for number in numbers]

    with tally.counting(RUN, 1, accounts):
        assert await tally.window_counts(RUN, [1, 2], read) == [Settled(1, 10), Settled(2, 10, 5)]
        tenths = 3
        assert await tally.window_counts(RUN, [1, 3], read) == [Settled(1, 10)], (
            "another window: only what is sent here"
        )
    tenths = 6
    assert await tally.window_counts(RUN, [1, 3], read) == [Settled(1, 10)], "it has left, with these counts"
    while tenths < 30:
        tenths += 1
        await tally.window_counts(RUN, [1, 3], read)
    assert reads == [0, 10, 20, 30]


async def test_a_chunk_that_leaves_here_unfinished_keeps_its_counts_until_its_checkpoint_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, reads = datetime(2026, 1, 1, tzinfo=UTC), 0
    monkeypatch.setattr(clock, "now", lambda: now)
    tally, stays, leaves = Tally(), Accounts(10, (), {}), Accounts(10, (), {})

    async def read(numbers: Iterable[int]) -> list[Settled]:
        nonlocal reads
        reads += 1
        return [Settled(2, 10, 7)] if 2 in numbers else []

    with tally.counting(RUN, 1, stays):
        with tally.counting(RUN, 2, leaves):
            assert Settled(2, 10) in await tally.window_counts(RUN, [1, 2], read)
            leaves.enqueue(post(0, 6))
        assert (Settled(2, 10, 6) in await tally.window_counts(RUN, [1, 2], read), reads) == (True, 1)
        now += tallies.READ_SOON
        assert (Settled(2, 10, 7) in await tally.window_counts(RUN, [1, 2], read), reads) == (True, 2)


async def test_a_look_shows_what_is_sent_here_at_once_and_what_is_sent_elsewhere_by_its_checkpoint(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallies, "READ_AGAIN", timedelta(0))
    monkeypatch.setattr(tallies, "READ_SOON", timedelta(0))
    settings = load_settings()
    here = await spooled(settings, kept.storage, TEXTS, number=0)
    there = await spooled(settings, kept.storage, TEXTS, number=1)
    chunks = (Chunks(here.request.chunk.token, "0"), Chunks(there.request.chunk.token, "1,2"))
    state, hold = replace(FRESH, run=RUN, spooled=chunks), Hold()
    async with opened(settings) as elsewhere:
        sent_here = asyncio.create_task(here.send(hold=hold))
        sent_there = asyncio.create_task(there.send(over=elsewhere, hold=hold))
        async with asyncio.timeout(30):
            async for found in looks(state):
                if 0 in found and 1 in found and found[0].enqueued > (await here.checkpoint()).enqueued:
                    break  # even the checkpoint after the look is behind it
        assert found[1].enqueued in (0, 500, 1_000, 1_500, 2_000), "as one of its checkpoints says"
        assert [*found] == [0, 1]
        hold.set(PAUSE)
        receipts = [await sent_here, await sent_there]
    after = await look_at_checkpoints(state)
    assert [one.enqueued for one in sorted(after)] == [receipt.enqueued for receipt in receipts]


async def looks(state: RunState) -> AsyncIterator[dict[int, Settled]]:
    """Yield the result of each look, by chunk number."""
    while True:
        yield {one.number: one for one in await look_at_checkpoints(state)}
