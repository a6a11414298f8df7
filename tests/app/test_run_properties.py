"""Whatever source, queue, ledger and people do to a run: it ends, its counts always add up, its report is right, and
redrives account for every message.

The test drives the real orchestrator through random worlds, generation after generation.
"""

from hypothesis import given, settings

from ingestion.contracts import RunState, Sums
from ingestion.run import run_state
from ingestion.wire import from_wire, to_wire
from tests.app.drawn import CHUNK_SIZE, CHUNKS_PER_BATCH, Attempt, attempts, commands, tolerances, worlds
from tests.app.rehearsal import first_state
from tests.app.world import World, as_sent

LIMIT_BYTES = 4096


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
            for answer in shown:
                done = answer["enqueued"] + answer["rejected"] + answer["failed"]
                assert answer["fetched"] == done + answer["pending"]
                assert min(answer["enqueued"], answer["rejected"], answer["failed"], answer["pending"]) >= 0
                assert fetched <= answer["fetched"] <= sum(world.counts)
                fetched = answer["fetched"]


@given(worlds(), tolerances, commands)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_nothing_that_crosses_the_boundary_is_large_or_changed_by_it(
    world: World, tolerated: str, commanded: list[str | None]
) -> None:
    for attempt in attempts(world, tolerated, commanded):
        for generation in attempt.generations:
            for answer in (generation.continued_with, *(task.payload for task in generation.tasks)):
                assert len(str(as_sent(answer)).encode()) < LIMIT_BYTES
            if generation.continued_with is not None:
                assert to_wire(from_wire(RunState, as_sent(generation.continued_with))) == generation.continued_with
