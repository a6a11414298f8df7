"""Workers share the ceiling of a run: in virtual time with slow and lost requests and dying workers, and on a blob."""

import asyncio
import json
from bisect import bisect_left
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from random import Random
from time import monotonic

import pytest
from azure.core.exceptions import ResourceNotFoundError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestion.open_storage import Storage
from ingestion.sending import ceiling as ceiling_module
from ingestion.sending.ceiling import HELD_SECONDS, LEASE_SECONDS, RENEW_SECONDS, Share, Turn
from local.emulator import Azurite
from tests.faults.sending import opened, settings_for

Process = Generator[float, None, None]  # yields the seconds until it goes on
NOTICED_SECONDS = 2 * (RENEW_SECONDS + 1.0)  # until a worker has certainly looked again


@dataclass(frozen=True, kw_only=True)
class Worker:
    """The times at which a worker begins, dies and gets no answers from storage, and the error of its clock."""

    begins: float = 0.0
    dies: float = float("inf")
    cut_off: tuple[float, float] = (0.0, 0.0)
    clock: float = 0.0


class Simulation:
    """Workers that send as much as they may, and their shared blob; `sent` has the times at which each of them sent.

    `lost` is the part of the answers to writes that are lost on the way.
    """

    def __init__(
        self, ceiling: float, workers: Iterable[Worker], seconds: float, *, seed: int = 0, lost: float = 0.0
    ) -> None:
        self.sent: list[list[float]] = []
        self._now, self._random, self._lost = 0.0, Random(seed), lost
        self._holders: dict[str, float] = {}
        self._version = 0
        order, due = count(), list[tuple[float, int, float, Process]]()
        for number, worker in enumerate(workers):
            share = Share(f"worker {number}", ceiling)
            self.sent.append([])
            for process in (self._look(worker, share), self._send(worker, share, self.sent[-1])):
                heappush(due, (worker.begins, next(order), worker.dies, process))
        while due and due[0][0] < seconds:
            self._now, _, dies, process = heappop(due)
            if self._now < dies:
                heappush(due, (self._now + next(process), next(order), dies, process))

    def _look(self, worker: Worker, share: Share) -> Process:
        while True:
            yield self._delay()
            found, version = dict(self._holders), self._version
            yield self._delay()
            holders = share.renewed(found, worker.clock + self._now)
            yield self._delay()
            first, last = worker.cut_off
            arrived = not first <= self._now < last
            written = arrived and version == self._version
            if written:
                self._holders, self._version = holders, version + 1
            yield self._delay()
            if arrived and not written:
                continue
            if arrived and self._random.random() >= self._lost:
                share.written(holders, worker.clock + self._now)
            yield RENEW_SECONDS

    def _send(self, worker: Worker, share: Share, sent: list[float]) -> Process:
        while True:
            if wait := share.turn(worker.clock + self._now):
                yield wait + self._random.uniform(0.0, 0.02)
            else:
                sent.append(self._now)
                yield 0.0

    def _delay(self) -> float:
        return self._random.choice([0.01, 0.05, 0.25])


def within(sent: list[float], start: float, seconds: float = 10.0) -> int:
    return bisect_left(sent, start + seconds) - bisect_left(sent, start)


def most_in_ten_seconds(simulation: Simulation) -> int:
    sent = sorted(time for times in simulation.sent for time in times)
    return max((within(sent, start) for start in sent), default=0)


SOME_WORKERS = st.lists(
    st.builds(
        Worker,
        begins=st.floats(0, 30),
        dies=st.floats(20, 60) | st.just(float("inf")),
        cut_off=st.tuples(st.floats(0, 60), st.floats(0, 60)),
        clock=st.floats(-1e6, 1e6),
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=60)
@given(
    ceiling=st.floats(1, 200), workers=SOME_WORKERS, seed=st.integers(0, 2**32), lost=st.sampled_from([0.0, 0.2, 0.5])
)
@example(ceiling=100, workers=[Worker(cut_off=(20, 50)), Worker()], seed=12, lost=0.5)  # it joins again unheard
def test_over_any_ten_seconds_all_workers_together_stay_below_the_ceiling(
    ceiling: float, workers: list[Worker], seed: int, lost: float
) -> None:
    assert most_in_ten_seconds(Simulation(ceiling, workers, 60, seed=seed, lost=lost)) <= 10 * ceiling


THREE = [Worker(), Worker(begins=5), Worker(begins=10)]
DEAD, CUT_OFF = Worker(dies=30), Worker(cut_off=(20, 50))
GONE, BACK, JOINED = 30 + LEASE_SECONDS + NOTICED_SECONDS, 50 + NOTICED_SECONDS, 50 + HELD_SECONDS + NOTICED_SECONDS


@pytest.mark.parametrize(
    ("ceiling", "workers", "expected"),  # of a worker: from when, for how long, at least and at most how much of it
    [
        *((ceiling, [Worker()], [(0, NOTICED_SECONDS, 50, 0.9, 1)]) for ceiling in (0.5, 1, 7.5, 150, 2_000)),
        *((ceiling, THREE, [(number, 40, 60, 0.25, 0.34) for number in range(3)]) for ceiling in (1, 3, 10)),
        (100, THREE, [(number, 40, 10, 0.3, 0.34) for number in range(3)]),
        # The share of a dead worker returns after its lease.
        (100, [Worker(), DEAD], [(0, 20, 10, 0, 0.5), (0, GONE, 10, 0.9, 1)]),
        # A worker that cannot renew its share stops, and goes on when it can.
        (100, [CUT_OFF], [(0, 20 + HELD_SECONDS, 30 - HELD_SECONDS, 0, 0), (0, BACK, 10, 0.9, 1)]),
        # It waits before it joins those that took over its share.
        (100, [CUT_OFF, Worker()], [(1, 40, 10, 0.9, 1), (0, 50, HELD_SECONDS, 0, 0), (0, JOINED, 10, 0.45, 0.5)]),
    ],
)
def test_a_worker_gets_its_share_of_the_ceiling_and_those_of_dead_workers(
    ceiling: float, workers: list[Worker], expected: list[tuple[int, float, float, float, float]]
) -> None:
    sent = Simulation(ceiling, workers, 100).sent
    for worker, start, seconds, least, most in expected:
        assert least <= within(sent[worker], start, seconds) / (ceiling * seconds) <= most


async def names(storage: Storage) -> set[str]:
    """Return the names of the workers in the blob."""
    download = await storage.container.download_blob("runs/r/s/ceiling.json")
    return set(json.loads(await download.readall()))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"RENEW_SECONDS": 0.05, "HELD_SECONDS": 1.0, "LEASE_SECONDS": 1.5}.items():
        monkeypatch.setattr(ceiling_module, name, seconds)


async def first_turn(turn: Turn | None) -> None:
    """Ask for a turn until it is granted."""
    assert turn is not None
    wait = 1.0
    async with asyncio.timeout(30):
        while wait:
            wait = turn(monotonic())
            await asyncio.sleep(wait)


async def number_of_workers(storage: Storage, number: int) -> None:
    """Wait until the blob names `number` workers."""
    async with asyncio.timeout(30):
        while len(await names(storage)) != number:
            pass


@pytest.mark.usefixtures("quick")
async def test_workers_find_each_other_in_the_folder_of_the_run_and_the_dead_are_removed(azurite: Azurite) -> None:
    app_settings = settings_for(azurite)
    async with (
        opened(app_settings) as one,
        opened(app_settings) as other,
        one.queues.ceilings.turns("runs/r/s/", 1_000.0) as turn,
    ):
        await first_turn(turn)
        async with other.queues.ceilings.turns("runs/r/s/", 1_000.0) as turn_of_other:
            await number_of_workers(one, 2)
            await first_turn(turn_of_other)
        await number_of_workers(one, 1)
        await first_turn(turn)


@pytest.mark.usefixtures("quick")
async def test_all_chunks_of_a_run_in_one_process_are_one_worker_and_the_next_chunk_goes_on_at_once(
    azurite: Azurite,
) -> None:
    async with opened(settings_for(azurite)) as storage:
        ceilings = storage.queues.ceilings
        async with ceilings.turns("runs/r/s/", 1_000.0) as turn, ceilings.turns("runs/r/s/", 1_000.0) as same:
            await first_turn(turn)
            assert turn == same
            await number_of_workers(storage, 1)
        async with ceilings.turns("runs/r/s/", 1_000.0) as later:
            assert later == turn


async def test_without_a_ceiling_storage_is_not_asked(azurite: Azurite) -> None:
    async with opened(settings_for(azurite)) as storage:
        async with storage.queues.ceilings.turns("runs/r/s/", 0.0) as turn:
            assert turn is None
            await asyncio.sleep(0)
        with pytest.raises(ResourceNotFoundError):
            await names(storage)
