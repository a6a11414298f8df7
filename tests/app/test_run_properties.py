"""Whatever source, queue, ledger and people do to a run: it ends, its counts add up at every moment, it says what
happened, and redrives bring every message to its end.

Hypothesis draws a world and its troubles; the real orchestrator is driven through it, generation after generation.
"""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.contracts import RunState, Sums
from ingestion.run import run_state
from ingestion.wire import from_wire, to_wire
from tests.app.rehearsal import NOW, Generation, first_state, rehearse
from tests.app.world import InstanceLost, World, as_sent

CHUNK_SIZE, CHUNKS_PER_BATCH = 10, 5
WAIT_SECONDS = 7200.0
LIMIT_BYTES = 4096
MOST_GENERATIONS = 120  # of one attempt; drawn worlds need a third of it
MOST_REDRIVES = 60

TROUBLES = {
    "fetch_batch": ["fine", "fine", "hindered", "refused", "raised", "unheard"],
    "enqueue_chunk": ["fine", "hindered", "hindered", "slow", "failed", "raised", "rejected", "unheard"],
    "record_window": ["fine", "fine", "fine", "hindered", "hindered", "raised", "unheard"],
    "record_failed": ["fine", "fine", "raised", "unheard"],
    "load_failed": ["fine", "fine", "raised"],
    "finish_run": ["fine", "fine", "raised", "unheard"],
}
MOST = {"enqueue_chunk": 25}
COMMANDS = [None, None, None, run_state.PAUSE, run_state.CANCEL]

Told = dict[str, Any]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    counts = draw(st.lists(st.integers(0, CHUNK_SIZE * CHUNKS_PER_BATCH + 7), min_size=1, max_size=5))
    waits = st.lists(st.sampled_from([0.0, 0.0, WAIT_SECONDS]), min_size=len(counts), max_size=len(counts))
    return World(
        counts=counts,
        waits=draw(waits),
        troubles={
            name: draw(st.lists(st.sampled_from(kinds), max_size=MOST.get(name, 6))) for name, kinds in TROUBLES.items()
        },
        lost_at=draw(st.lists(st.integers(1, 60), max_size=3)),
        total=draw(st.booleans()),
    )


commands = st.lists(st.sampled_from(COMMANDS), max_size=8)
tolerances = st.sampled_from(["0", "2", "10", "50%", "100%"])


class Attempt:
    """One instance of a run, from a state to its end or its loss."""

    def __init__(self, world: World, state: Told, commanded: list[str | None]) -> None:
        self.generations: list[Generation] = []
        self.is_lost = False
        now = NOW
        for _ in range(MOST_GENERATIONS):
            world.command = commanded.pop(0) if commanded else None
            try:
                generation = rehearse(world.answer, state, now=now)
            except InstanceLost:
                self.is_lost = True
                return
            self.generations.append(generation)
            if generation.continued_with is None:
                return
            if any(task.name == "timer" for task in generation.tasks):
                now += timedelta(seconds=WAIT_SECONDS)
            state = as_sent(generation.continued_with)
        raise AssertionError("the run goes on and on")

    @property
    def last(self) -> Generation:
        return self.generations[-1]


def attempts(world: World, tolerated: str, commanded: list[str | None]) -> list[Attempt]:
    """A run, and redrives of it from the ledger until there is nothing to do again."""
    first = first_state(CHUNK_SIZE, CHUNKS_PER_BATCH, tolerated_failures=tolerated)
    made = [Attempt(world, first, commanded)]
    for _ in range(MOST_REDRIVES):
        recorded = run_state.load(as_sent(world.state or first))
        again = run_state.redriven(recorded)
        if again is None:
            return made
        world.redrive(recorded, again.attempt)
        world.state = as_sent(to_wire(again))
        made.append(Attempt(world, world.state, commanded))
    raise AssertionError("redrives never come to an end")


@given(worlds(), tolerances, commands)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_run_ends_and_says_how(world: World, tolerated: str, commanded: list[str | None]) -> None:
    attempt = Attempt(world, first_state(CHUNK_SIZE, CHUNKS_PER_BATCH, tolerated_failures=tolerated), commanded)
    if attempt.is_lost:
        return
    report, error = attempt.last.report, attempt.last.error
    assert (report is None) == (error is not None)
    if report is None:
        assert type(error).__name__ == "PermanentError", repr(error)
        assert world.report is None or world.report["outcome"] == "failed"
        return
    other_total = report["source_total"] is not None and report["source_total"] != report["fetched"]
    expected = (
        "cancelled" if report["pending"] or report["fetched"] != sum(world.counts)
        else "completed_with_failures" if report["failed"]
        else "completed_with_rejects" if report["rejected"]
        else "completed_with_other_total" if other_total
        else "completed"
    )  # fmt: skip
    assert report["outcome"] in (expected, "cancelled")
    assert report["enqueued"] or not report["fetched"] or report["outcome"] == "cancelled"
    assert (report["failed"] > 0) == bool(report["failures"])
    assert sum(one["failed"] for one in report["failures"]) <= report["failed"]


@given(worlds(), tolerances, commands)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_redrives_bring_every_message_to_its_end(world: World, tolerated: str, commanded: list[str | None]) -> None:
    made = attempts(world, tolerated, commanded)
    assert world.state is not None
    state = from_wire(RunState, world.state)
    settled = [chunk.enqueued + chunk.rejected for chunk in world.chunks.values()]
    assert sum(settled) == sum(world.counts), "every message of the source is on the queue or rejected"
    assert all(chunk.left == 0 for chunk in world.chunks.values())
    assert state.fetched == sum(world.counts)
    assert state.done.enqueued == sum(chunk.enqueued for chunk in world.chunks.values())
    assert state.done.rejected == sum(chunk.rejected for chunk in world.chunks.values())
    assert (state.failed, run_state.pending(state)) == (Sums(), 0)
    assert state.done.chunks == len(world.chunks)
    assert state.attempt == len(made) - 1


@given(worlds(), tolerances, commands)
@settings(max_examples=120, deadline=None, derandomize=True)
def test_at_every_moment_each_message_is_enqueued_rejected_failed_or_pending(
    world: World, tolerated: str, commanded: list[str | None]
) -> None:
    for attempt in attempts(world, tolerated, commanded):
        fetched = 0
        for generation in attempt.generations:
            shown = [*generation.progress, *([generation.report] if generation.report else [])]
            for told in shown:
                done = told["enqueued"] + told["rejected"] + told["failed"]
                assert told["fetched"] == done + told["pending"]
                assert min(told["enqueued"], told["rejected"], told["failed"], told["pending"]) >= 0
                assert fetched <= told["fetched"] <= sum(world.counts)
                fetched = told["fetched"]


@given(worlds(), tolerances, commands)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_nothing_that_crosses_the_boundary_is_large_or_changed_by_it(
    world: World, tolerated: str, commanded: list[str | None]
) -> None:
    for attempt in attempts(world, tolerated, commanded):
        for generation in attempt.generations:
            for told in (generation.continued_with, *(task.payload for task in generation.tasks)):
                assert len(str(as_sent(told)).encode()) < LIMIT_BYTES
            if generation.continued_with is not None:
                assert to_wire(from_wire(RunState, as_sent(generation.continued_with))) == generation.continued_with
