"""Random worlds, and runs through them, attempt after attempt, until nothing is left to do."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from ingestion.run import run_state
from ingestion.wire import to_wire
from tests.app.rehearsal import NOW, Generation, first_state, rehearse
from tests.app.world import InstanceLost, World, as_sent

CHUNK_SIZE, CHUNKS_PER_BATCH = 10, 5
WAIT_SECONDS = 7200.0
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
COMMANDS = [None, None, None, run_state.PAUSE, run_state.CHANGED, run_state.CANCEL]

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
tolerances = st.sampled_from(["0%", "1%", "10%", "50%"])


class Attempt:
    """Drive one instance of a run from a state to its end or its loss."""

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
    """Drive a run, and redrive it from the ledger until nothing is left to do."""
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
