"""Workers share the ceiling of a run: in virtual time, with slow and lost requests and dying workers, and on a blob."""

import asyncio
import json
from bisect import bisect_left
from collections.abc import AsyncIterator, Generator, Iterable
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
    """When a worker begins, when it dies, from when to when storage does not answer it, and what its clock shows."""

    begins: float = 0.0
    dies: float = float("inf")
    cut_off: tuple[float, float] = (0.0, 0.0)
    clock: float = 0.0


class Simulation:
    """Workers that send as much as they may, and the blob that they share; `sent` holds when each of them sent.

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
    ceiling=st.floats(10, 200), workers=SOME_WORKERS, seed=st.integers(0, 2**32), lost=st.sampled_from([0.0, 0.2, 0.5])
)
@example(ceiling=100, workers=[Worker(cut_off=(20, 50)), Worker()], seed=12, lost=0.5)  # it joins again unheard
def test_over_any_ten_seconds_all_workers_together_stay_below_the_ceiling(
    ceiling: float, workers: list[Worker], seed: int, lost: float
) -> None:
    assert most_in_ten_seconds(Simulation(ceiling, workers, 60, seed=seed, lost=lost)) <= 10 * ceiling


@pytest.mark.parametrize("ceiling", [1, 3, 10])
def test_a_low_ceiling_is_kept_by_several_workers(ceiling: float) -> None:
    simulation = Simulation(ceiling, [Worker(), Worker(), Worker()], 120)
    assert 0.75 * 10 * ceiling <= most_in_ten_seconds(simulation) <= 10 * ceiling


@pytest.mark.parametrize("ceiling", [0.5, 1, 7.5, 150, 2_000])
def test_one_worker_alone_reaches_nine_tenths_of_the_ceiling(ceiling: float) -> None:
    (sent,) = Simulation(ceiling, [Worker()], 60).sent
    assert within(sent, NOTICED_SECONDS, 50.0) >= 0.9 * 50 * ceiling


def test_several_workers_together_reach_nine_tenths_of_the_ceiling() -> None:
    simulation = Simulation(100, [Worker(), Worker(begins=5), Worker(begins=10)], 60)
    shares = [within(sent, 40.0) for sent in simulation.sent]
    assert sum(shares) >= 900
    assert min(shares) >= 300 * 0.9


def test_the_share_of_a_dead_worker_returns_after_its_lease() -> None:
    survivor, _ = Simulation(100, [Worker(), Worker(dies=30)], 70).sent
    assert within(survivor, 20.0) <= 500
    assert within(survivor, 30 + LEASE_SECONDS + NOTICED_SECONDS) >= 900


def test_a_worker_that_cannot_renew_its_share_stops_and_goes_on_when_it_can() -> None:
    (sent,) = Simulation(100, [Worker(cut_off=(20, 50))], 70).sent
    assert within(sent, 20.0 + HELD_SECONDS, 50.0 - 20.0 - HELD_SECONDS) == 0
    assert within(sent, 50.0 + NOTICED_SECONDS) >= 900


def test_a_worker_that_was_cut_off_waits_again_before_it_joins_those_that_took_over_its_share() -> None:
    workers = [Worker(cut_off=(20, 50)), Worker()]
    simulation = Simulation(100, workers, 100)
    assert within(simulation.sent[1], 50.0 - 10.0) >= 900
    assert within(simulation.sent[0], 50.0, HELD_SECONDS) == 0
    assert within(simulation.sent[0], 50.0 + HELD_SECONDS + NOTICED_SECONDS) >= 450


async def names(storage: Storage) -> AsyncIterator[set[str]]:
    """Yield the names of the workers in the blob, again and again."""
    while True:
        download = await storage.container.download_blob("runs/r/s/ceiling.json")
        yield set(json.loads(await download.readall()))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"RENEW_SECONDS": 0.05, "HELD_SECONDS": 1.0, "LEASE_SECONDS": 1.5}.items():
        monkeypatch.setattr(ceiling_module, name, seconds)


async def first_turn(turn: Turn | None) -> None:
    """Ask for a turn until there is one."""
    assert turn is not None
    wait = 1.0
    async with asyncio.timeout(30):
        while wait:
            wait = turn(monotonic())
            await asyncio.sleep(wait)


async def number_of_workers(storage: Storage, number: int) -> None:
    """Wait until the blob names `number` workers."""
    async with asyncio.timeout(30):
        async for workers in names(storage):
            if len(workers) == number:
                return


@pytest.mark.usefixtures("quick")
def test_workers_find_each_other_in_the_folder_of_the_run_and_the_dead_are_removed(azurite: Azurite) -> None:
    app_settings = settings_for(azurite)

    async def scenario() -> None:
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

    asyncio.run(scenario())


@pytest.mark.usefixtures("quick")
def test_all_chunks_of_a_run_in_one_process_are_one_worker_and_the_next_chunk_goes_on_at_once(
    azurite: Azurite,
) -> None:
    async def scenario() -> None:
        async with opened(settings_for(azurite)) as storage:
            ceilings = storage.queues.ceilings
            async with ceilings.turns("runs/r/s/", 1_000.0) as turn, ceilings.turns("runs/r/s/", 1_000.0) as same:
                await first_turn(turn)
                assert turn == same
                await number_of_workers(storage, 1)
            async with ceilings.turns("runs/r/s/", 1_000.0) as later:
                assert later == turn

    asyncio.run(scenario())


def test_without_a_ceiling_storage_is_not_asked(azurite: Azurite) -> None:
    async def scenario() -> None:
        async with opened(settings_for(azurite)) as storage:
            async with storage.queues.ceilings.turns("runs/r/s/", 0.0) as turn:
                assert turn is None
                await asyncio.sleep(0)
            with pytest.raises(ResourceNotFoundError):
                await anext(names(storage))

    asyncio.run(scenario())
