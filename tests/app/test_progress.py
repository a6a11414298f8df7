"""What a run tells of itself never runs backwards, whatever the looks at its checkpoints come to."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients import progress as clients_progress
from clients.progress import progress_of
from ingestion.chunking import chunk
from ingestion.contracts import FetchOutcome, Receipt, Recorded, RunState, Settled
from ingestion.contracts import Run as RunStart
from ingestion.run import run_report, run_state
from ingestion.run.last_look import LastLooks
from tests.app.answers import batch_of
from tests.app.rehearsal import NOW, first_state

CHUNK_SIZE = 10
Told = dict[str, Any]
Seen = tuple[RunState, Told | None, dict[int, Settled]]  # a read of the instance: input, custom status; the checkpoints


class Run:
    """A run whose truth is known: the counts of its chunks, and what its instance would say at each moment."""

    def __init__(self) -> None:
        self.state = run_state.load(first_state(CHUNK_SIZE, tolerated_failures="100%"))
        self.sent: dict[int, Settled] = {}
        self.sizes: dict[int, int] = {}
        self.custom: Told | None = None
        self.now = NOW
        self.batches = 0
        self.seen: list[Seen] = []
        self.see()

    def see(self) -> None:
        """Remember what a read at this moment gives; one may be answered much later."""
        self.seen.append((self.state, self.custom, self.sent))

    def begin(self) -> None:
        """The generation has had its first turn: its custom status is there."""
        self.custom = run_report.progress(self.state)
        self.see()

    def window(self) -> list[Settled]:
        """How far each chunk of the window is."""
        numbers = (chunk.number for chunk in run_state.chunks_in_window(self.state))
        return [self.sent.get(number, Settled(number, self.sizes[number])) for number in numbers]

    def send(self, index: int, enqueued: int, rejected: int) -> None:
        """The chunk gets further, or is done."""
        if not (window := self.window()):
            return
        before = window[index % len(window)]
        left = before.messages - before.enqueued - before.rejected
        enqueued = min(enqueued, left)
        rejected = min(rejected, left - enqueued)
        sent = before._replace(enqueued=before.enqueued + enqueued, rejected=before.rejected + rejected)
        self.sent[before.number] = sent

    def next_window(self, fails: bool, count: int) -> None:
        """All chunks report, finished, or as far as they are; the next batch is there."""
        receipts = []
        for one in self.window():
            at = one if fails else one._replace(enqueued=one.messages - one.rejected)
            self.sent[at.number] = at
            facts = {name: value for name, value in at._asdict().items() if name != "number"}
            receipts.append(Receipt(**facts, error="the queue refused" if fails else None))
        self.now += timedelta(seconds=7)
        batch = batch_of(self.batches, count, last=False, first_chunk=self.state.chunks)
        sizes = [len(part) for part in chunk(range(count), CHUNK_SIZE)]
        self.sizes |= dict(enumerate(sizes, start=batch.first_chunk))
        outcomes = run_state.Outcomes(FetchOutcome(batch=batch), Recorded(), receipts)
        window = run_state.next_window(self.state, self.now)
        self.state = run_state.with_window(self.state, window, outcomes, [], self.now)
        self.batches += 1
        self.see()

    def redrive(self) -> None:
        """The run ended, and goes on from the state that the ledger has."""
        again = run_state.redriven(self.state)
        assert again is not None
        self.state, self.custom = again, None
        self.see()


class Process:
    """One process of the app, and all that it has told of the run."""

    def __init__(self) -> None:
        self.looks = LastLooks()
        self.told: list[tuple[int, Told]] = []

    def tell(self, seen: Seen, outcome: str) -> Told:
        state, custom, sent = seen

        async def look(at_start: RunState) -> list[Settled]:
            if outcome == "late":
                raise TimeoutError
            if outcome == "failing":
                raise OSError("storage is away")
            numbers = {one.number for one in run_state.chunks_in_window(at_start)}
            return [one for one in sent.values() if one.number in numbers]

        progress = asyncio.run(progress_of(state, "running", custom, look=look, last_looks=self.looks))
        self.told.append((state.attempt, progress))
        return progress


steps = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(0, 2), st.integers(0, CHUNK_SIZE), st.integers(0, 2)),
        st.tuples(st.just("look"), st.sampled_from(["fine", "fine", "failing", "late"]), st.integers(0, 1)),
        st.tuples(st.just("late reader"), st.integers(1, 4), st.sampled_from(["fine", "failing"]), st.integers(0, 1)),
        st.tuples(st.just("window"), st.booleans(), st.integers(1, 25)),
        st.just(("begin",)),
        st.just(("redrive",)),
    ),
    min_size=5,
    max_size=40,
)


@given(steps)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_what_a_process_tells_of_a_run_never_runs_backwards(steps: list[tuple[Any, ...]]) -> None:
    run, processes = Run(), [Process(), Process()]
    run.next_window(False, 25)
    for step in steps:
        match step:
            case ("send", index, enqueued, rejected):
                run.send(index, enqueued, rejected)
            case ("look", outcome, process):
                told = processes[process].tell(run.seen[-1], outcome)
                if outcome == "fine":
                    truth = run_report.under_way(run.state, run.window(), "")
                    assert told["enqueued"] >= truth["enqueued"], "a look that came through is shown"
            case ("late reader", back, outcome, process):
                processes[process].tell(run.seen[-min(back, len(run.seen))], outcome)
            case ("window", fails, count):
                run.next_window(fails, count)
            case ("begin",):
                run.begin()
            case ("redrive",):
                run.redrive()
    for process in processes:
        most: Told = {}
        attempt = 0
        for of_attempt, told in process.told:
            assert told["fetched"] == told["enqueued"] + told["rejected"] + told["failed"] + told["pending"]
            assert datetime.fromisoformat(told["counts_at"]).tzinfo is not None
            for key in ("fetched", "enqueued", "rejected"):
                assert told[key] >= most.get(key, 0), key
            assert of_attempt > attempt or told["chunks_done"] >= most.get("chunks_done", 0)
            most, attempt = told, max(attempt, of_attempt)


def look_of(*sent: Settled) -> Any:
    async def look(state: RunState) -> list[Settled]:
        return list(sent)

    return look


async def fails(state: RunState) -> list[Settled]:
    raise OSError("storage is away")


def in_window(run: Run, looks: LastLooks, look: Any) -> Told:
    return asyncio.run(progress_of(run.state, "running", run.custom, look=look, last_looks=looks))


def begun() -> Run:
    run = Run()
    run.next_window(False, 25)
    run.begin()
    return run


def test_a_look_that_fails_leaves_the_last_known_counts_with_their_moment() -> None:
    run, looks = begun(), LastLooks()
    known = in_window(run, looks, look_of(Settled(0, 10, 10), Settled(1, 10, 4)))
    assert (known["enqueued"], known["chunks_done"], known["pending"]) == (14, 1, 11)
    assert in_window(run, looks, fails) == known


def test_a_process_that_has_not_looked_before_tells_the_recorded_counts_as_stale() -> None:
    run = begun()
    told = in_window(run, LastLooks(), fails)
    assert (told["enqueued"], told["pending"], told["stale"]) == (0, 25, True)
    assert told["counts_at"] == "2026-01-01T00:10:07+00:00", "when the window began"


def test_a_look_that_takes_too_long_counts_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(state: RunState) -> list[Settled]:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    monkeypatch.setattr(clients_progress, "LOOK_SECONDS", 0.0)
    assert in_window(begun(), LastLooks(), never)["stale"] is True


def test_each_look_that_comes_through_has_its_own_moment_and_is_not_stale() -> None:
    run, looks, before = begun(), LastLooks(), datetime.now(UTC)
    in_window(run, looks, fails)
    told = in_window(run, looks, look_of(Settled(0, 10, 3)))
    assert datetime.fromisoformat(told["counts_at"]) >= before
    assert "stale" not in told


def test_a_custom_status_of_the_window_before_is_not_taken_for_that_of_this_one() -> None:
    """The real host was seen to keep it through the first turn of a new generation, and to give none at all."""
    run = begun()
    run.next_window(False, 30)
    for custom in (run.custom, None):
        run.custom = custom
        told = in_window(run, LastLooks(), fails)
        assert (told["fetched"], told["enqueued"], told["stale"]) == (55, 25, True)


def test_a_run_that_is_paused_tells_what_it_counted_at_the_end_of_the_window() -> None:
    run, at_start = begun(), begun().state
    run.next_window(False, 30)
    paused = run_report.progress(run.state, "paused")
    assert asyncio.run(progress_of(at_start, "running", paused, look=fails, last_looks=LastLooks())) == paused


def test_a_younger_run_with_the_same_id_begins_at_nothing() -> None:
    run, looks = begun(), LastLooks()
    in_window(run, looks, look_of(Settled(0, 10, 10)))
    state = run_state.load({**first_state(), "run": ["run-1", "another start"]})
    told = asyncio.run(progress_of(state, "running", None, look=fails, last_looks=looks))
    assert (told["fetched"], told["enqueued"]) == (0, 0)


def test_of_very_many_runs_those_are_remembered_that_were_asked_for_last() -> None:
    run, looks = begun(), LastLooks(most=2)
    for run_id in ("a", "b", "a", "c"):
        looks.never_less(RunStart(run_id, "s"), 0, {**run_report.progress(run.state), "enqueued": 9})
    less = run_report.progress(run.state)
    told = {name: looks.never_less(RunStart(name, "s"), 0, less)["enqueued"] for name in ("a", "c", "b")}
    assert told == {"a": 9, "c": 9, "b": 0}
