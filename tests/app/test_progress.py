"""The progress of a run never goes back, whatever the reads of its checkpoints return."""

import asyncio
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients import progress as clients_progress
from clients.progress import progress_of
from ingestion.contracts import Run, RunState, Settled
from ingestion.run import run_report, run_state
from ingestion.run.last_look import COUNTS, LastLooks
from tests.app.answers import TWO, answering
from tests.app.drawn import attempts, commands, worlds
from tests.app.rehearsal import NOW, first_state, rehearse_all
from tests.app.world import World

Progress = dict[str, Any]


class Read(NamedTuple):
    """The instance at a moment, and the checkpoints of its window at that moment."""

    state: RunState
    custom: Progress | None
    sent: list[Settled]


def reads_of(world: World, commanded: list[str | None]) -> Iterator[Read]:
    """Yield the reads of a run and its redrives: before and after the first turn of each generation, and after
    each activity. The real host was seen to keep the custom status through a first turn, and to return none."""
    attempted, moments, custom = attempts(world, "100%", commanded), iter(world.moments), None
    at: dict[int, Settled] = {}
    for generation in (generation for attempt in attempted for generation in attempt.generations):
        state = run_state.load(generation.state)
        numbers = [one.number for one in run_state.chunks_in_window(state)]
        sent = [at[number] for number in numbers if number in at]
        yield Read(state, None, sent)
        yield Read(state, custom, sent)
        for custom in generation.progress[:1]:
            for _ in range(generation.activities):
                at = next(moments)
                yield Read(state, custom, [at[number] for number in numbers])
        custom = generation.progress[-1]
        yield Read(state, custom, [at[number] for number in numbers])


async def progress_in(
    state: RunState, *sent: Settled, looks: LastLooks, custom: object = None, outcome: str = "fine"
) -> Progress:
    """Return the progress of a run in this state; the read of its checkpoints returns this, fails or is late."""

    async def look(state: RunState) -> list[Settled]:
        if outcome != "fine":
            raise TimeoutError if outcome == "late" else OSError("storage is away")
        return list(sent)

    return await progress_of(state, "running", custom, look=look, last_looks=looks)


outcomes, lates = st.sampled_from(["fine", "fine", "failing", "late"]), st.sampled_from([1, 2, 4, 12, 30])


@given(worlds(), commands, st.lists(st.tuples(outcomes, lates), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None, derandomize=True)
async def test_the_progress_that_a_process_reports_never_goes_back(
    world: World, commanded: list[str | None], looks: list[tuple[str, int]]
) -> None:
    """At each moment there is a request, then a read that is late by some moments, then a request again."""
    world.lost_at = set()
    reads, asked, last_looks = list(reads_of(world, commanded)), itertools.cycle(looks), LastLooks()
    most, attempt = dict[str, Any](), 0
    for moment, is_late in itertools.product(range(len(reads)), (False, True, False)):
        outcome, late = next(asked)
        read = reads[max(0, moment - late) if is_late else moment]
        answer = await progress_in(read.state, *read.sent, looks=last_looks, custom=read.custom, outcome=outcome)
        if outcome == "fine" and not is_late and answer["phase"] == "running":
            truth = run_report.under_way(read.state, read.sent, "")
            assert answer["enqueued"] >= truth["enqueued"], "a look that came through is shown"
        assert answer["fetched"] == answer["enqueued"] + answer["rejected"] + answer["failed"] + answer["pending"]
        assert datetime.fromisoformat(answer["counts_at"]).tzinfo is not None
        for key in ("fetched", "enqueued", "rejected"):
            assert answer[key] >= most.get(key, 0), key
        assert read.state.attempt > attempt or answer["chunks_done"] >= most.get("chunks_done", 0)
        if any(answer[key] != most.get(key) for key in COUNTS):  # otherwise it has repeated the last answer
            most, attempt = answer, max(attempt, read.state.attempt)


FIRST, SECOND = (run_state.load(it.state) for it in rehearse_all(answering(*TWO))[1:])  # in windows of 25 and of 30
FIRST_PROGRESS, SECOND_PROGRESS = run_report.progress(FIRST), run_report.progress(SECOND)


async def test_a_look_that_fails_leaves_the_last_known_counts_with_their_moment() -> None:
    looks, before = LastLooks(), datetime.now(UTC)
    known = await progress_in(FIRST, Settled(0, 10, 10), Settled(1, 10, 4), looks=looks)
    assert (known["enqueued"], known["chunks_done"], known["pending"], "stale" in known) == (14, 1, 11, False)
    assert datetime.fromisoformat(known["counts_at"]) >= before
    assert await progress_in(FIRST, looks=looks, outcome="failing") == known


async def test_a_new_process_reports_the_recorded_counts_as_stale_until_a_read_succeeds() -> None:
    looks = LastLooks()
    answer = await progress_in(FIRST, looks=looks, custom=FIRST_PROGRESS, outcome="failing")
    assert (answer["enqueued"], answer["pending"], answer["stale"]) == (0, 25, True)
    assert answer["counts_at"] == NOW.isoformat(), "when the window began"
    assert "stale" not in await progress_in(FIRST, Settled(0, 10, 3), looks=looks)


async def test_a_look_that_takes_too_long_counts_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(state: RunState) -> list[Settled]:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    monkeypatch.setattr(clients_progress, "LOOK_SECONDS", 0.0)
    assert (await progress_of(FIRST, "running", None, look=never, last_looks=LastLooks()))["stale"] is True


@pytest.mark.parametrize("custom", [FIRST_PROGRESS, {**FIRST_PROGRESS, "phase": "waiting"}, None])
async def test_a_custom_status_of_the_window_before_is_not_taken_for_that_of_this_one(custom: object) -> None:
    """The real host was seen to keep it through the first turn of a new generation, and to return none at all."""
    answer = await progress_in(SECOND, looks=LastLooks(), custom=custom, outcome="failing")
    assert (answer["fetched"], answer["enqueued"], answer["stale"]) == (55, 25, True)


async def test_a_paused_run_reports_the_counts_at_the_end_of_its_window() -> None:
    paused = {**SECOND_PROGRESS, "phase": "paused"}
    assert await progress_in(FIRST, looks=LastLooks(), custom=paused, outcome="failing") == paused


async def test_a_paused_run_reports_the_messages_of_its_unfinished_chunks_too() -> None:
    after = {**FIRST_PROGRESS, "phase": "paused", "enqueued": 10, "pending": 15, "chunks_done": 1}
    answer = await progress_in(FIRST, Settled(0, 10, 10), Settled(1, 10, 3, 1), looks=LastLooks(), custom=after)
    shown = [answer[key] for key in ("phase", "fetched", "enqueued", "rejected", "pending", "chunks_done")]
    assert shown == ["paused", 25, 13, 1, 11, 1]


async def test_a_younger_run_with_the_same_id_begins_at_nothing() -> None:
    looks = LastLooks()
    await progress_in(FIRST, Settled(0, 10, 10), looks=looks)
    state = run_state.load({**first_state(), "run": ["run-1", "another start"]})
    answer = await progress_of(state, "running", None, last_looks=looks)
    assert (answer["fetched"], answer["enqueued"]) == (0, 0)


def test_a_later_attempt_may_send_what_an_earlier_one_rejected() -> None:
    looks, run, earlier = LastLooks(), Run("run-1", "s"), {**FIRST_PROGRESS, "enqueued": 3, "rejected": 7}
    assert looks.never_less(run, 0, earlier)["rejected"] == 7
    for sent in (1, 5, 9):
        counted = {**earlier, "enqueued": 3 + sent, "rejected": 0}
        assert looks.never_less(run, 1, counted) == counted
    late = {**earlier, "enqueued": 12, "rejected": 0, "counts_at": "2020-01-01T00:00:00+00:00"}
    assert looks.never_less(run, 1, late)["counts_at"] == FIRST_PROGRESS["counts_at"]


def test_the_last_requested_runs_stay_in_memory() -> None:
    looks, less = LastLooks(most=2), FIRST_PROGRESS
    for run_id in ("a", "b", "a", "c"):
        looks.never_less(Run(run_id, "s"), 0, {**less, "enqueued": 9})
    answer = {name: looks.never_less(Run(name, "s"), 0, less)["enqueued"] for name in ("a", "c", "b")}
    assert answer == {"a": 9, "c": 9, "b": 0}


async def test_a_paused_run_without_changes_gives_the_same_answer_each_time() -> None:
    """So a poll gets 304."""
    after = {**FIRST_PROGRESS, "phase": "paused", "enqueued": 10, "pending": 15, "chunks_done": 1}
    looks, sent = LastLooks(), (Settled(0, 10, 10), Settled(1, 10, 3, 1))
    assert await progress_in(FIRST, *sent, looks=looks, custom=after) == await progress_in(
        FIRST, *sent, looks=looks, custom=after
    )
