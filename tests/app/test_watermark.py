"""The watermark moves when the ledger of its run is closed: only forwards, and only if it is where the run began."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ingestion.contracts import Mark, Run
from ingestion.errors import Conflict
from ingestion.reads import Reads
from ingestion.run import closing, open_runs, run_report, watermark
from ingestion.run.ledger import Ledger
from ingestion.run.request import create_request
from ingestion.run.watermark import Watermark, slot
from ingestion.wire import JsonObject, to_wire
from tests.app.engine import HUB, START, STARTED_AT
from tests.app.kept import DONE, REQUEST, UNDER_WAY, Kept

STAYED = "no item of the range is newer than the watermark"
OLD, NEW, NEWER = (f"2026-11-{day}T02:00:00Z" for day in (24, 25, 26))
PINNED = {"source demo": {"url": "aa", "incremental.carry": "bb"}}


class Runs:
    """Runs of one source; each has read it to the end, and is about to close its ledger."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept

    async def reads(self, **changes: Any) -> Reads:
        """Return what a run reads that starts now."""
        there = await self.there(**changes)
        return Reads(since=there.value, watermark=there.serial, held=there.held, **changes)

    async def there(self, parameters: dict[str, str] | None = None) -> Watermark:
        return await watermark.read(self.kept.container, slot("demo", parameters or {}))

    async def begun(self, run_id: str, reads: Reads | None = None, *, start: str = START) -> Ledger:
        ledger = self.kept.ledger(run_id, start)
        await open_runs.enter(self.kept.container, run_id, HUB, self.kept.now, source="demo")
        named = {"run_id": run_id, "start": start, "started_at": STARTED_AT, "asked": {"source": "demo"}}
        wire = to_wire(reads or await self.reads())
        await create_request(
            self.kept.container, {**named, "request": to_wire(REQUEST), "pinned": PINNED, "reads": wire}
        )
        return ledger

    async def held(self, ledger: Ledger, digests: bytes) -> str:
        await ledger.blob("marks/000000-held-aa").upload_blob(digests, overwrite=True)
        return "marks/000000-held-aa"

    async def close(
        self, ledger: Ledger, value: str | None = NEW, outcome: str = "completed", **facts: Any
    ) -> JsonObject:
        """Close the ledger; return the range in the report."""
        state = facts.pop("state", DONE)
        mark = Mark(kind=facts.pop("kind", "time"), value=value, **facts)
        state = replace(state, run=ledger.run, mark=mark, known=3, outside=1)
        closed = await closing.close(ledger, run_report.finish(state, self.kept.now, outcome), self.kept.now)
        assert closed is not None
        moved: JsonObject = closed.report["incremental"]
        return moved


@pytest.fixture
def runs(kept: Kept) -> Runs:
    return Runs(kept)


async def test_a_run_that_completes_moves_the_watermark_and_says_from_where_to_where(runs: Runs) -> None:
    await runs.close(await runs.begun("one"), OLD)
    moved = await runs.close(await runs.begun("two", replace(await runs.reads(), until=NEW)), NEW)
    assert moved == {"from": OLD, "to": NEW, "known": 3, "outside": 1, "moved": True, "watermark": NEW}
    there = await runs.there()
    assert (there.value, there.previous, there.serial, there.moved_by) == (NEW, OLD, 2, "two")


@pytest.mark.parametrize("outcome", ["failed", "cancelled", "terminated", "completed_with_failures"])
async def test_a_run_that_does_not_complete_leaves_the_watermark_and_its_redrive_moves_it(
    runs: Runs, outcome: str
) -> None:
    ledger = await runs.begun("run")
    moved = await runs.close(ledger, outcome=outcome, state=UNDER_WAY)
    assert (moved["moved"], moved["reason"]) == (False, f"the run is {outcome}: a redrive that completes moves it")
    assert await runs.there() == Watermark()
    await open_runs.enter(runs.kept.container, "run", HUB, runs.kept.now, source="demo")
    assert (await runs.close(ledger, outcome="completed_with_rejects"))["moved"]
    assert (await runs.there()).value == NEW


@pytest.mark.parametrize("outcome", ["failed", "completed_with_other_total"])
async def test_a_run_of_which_nothing_is_left_for_a_redrive_leaves_the_watermark_to_the_next_run(
    runs: Runs, outcome: str
) -> None:
    moved = await runs.close(await runs.begun("run"), outcome=outcome)
    assert (moved["moved"], await runs.there()) == (False, Watermark())
    assert (
        moved["reason"]
        == f"the run is {outcome}: nothing is left for a redrive, and the next run reads the range again"
    )


async def test_of_two_runs_from_one_watermark_the_second_does_not_move_it_back_nor_on(runs: Runs) -> None:
    one, two = await runs.begun("one"), await runs.begun("two")
    assert (await runs.close(two, NEWER))["moved"]
    moved = await runs.close(one, NEW)
    assert (moved["moved"], moved["watermark"]) == (False, NEWER)
    assert moved["reason"] == "run two has moved it since this run began"
    assert (await runs.there()).value == NEWER


async def test_a_redrive_of_an_old_run_after_newer_ones_does_not_move_the_watermark(runs: Runs) -> None:
    old = await runs.begun("old")
    await runs.close(old, NEW, "failed")
    await runs.close(await runs.begun("new"), NEWER)
    await open_runs.enter(runs.kept.container, "old", HUB, runs.kept.now, source="demo")
    moved = await runs.close(old, NEW)
    assert (moved["moved"], moved["reason"]) == (False, "run new has moved it since this run began")
    assert (await runs.there()).value == NEWER


async def test_a_run_whose_value_lies_before_the_watermark_leaves_it_and_renews_what_the_next_one_knows(
    runs: Runs,
) -> None:
    await runs.close(await runs.begun("one"), NEW)
    ledger = await runs.begun("two")
    moved = await runs.close(ledger, OLD, held=await runs.held(ledger, b"late"))
    assert (moved["moved"], moved["reason"], moved["watermark"]) == (False, STAYED, NEW)
    there = await runs.there()
    assert there.value == NEW
    assert there.held is not None
    assert await (await runs.kept.container.download_blob(there.held)).readall() == b"late"


async def test_where_the_watermark_stays_the_next_run_knows_what_this_one_has_not_seen_again(runs: Runs) -> None:
    """For example an item that a replica did not show, or that a longer lag left to the next run."""
    old, both, new = (bytes([number]) * 16 for number in range(3))
    one = await runs.begun("one")
    await runs.close(one, NEW, held=await runs.held(one, old + both))
    two = await runs.begun("two")
    await runs.close(two, OLD, held=await runs.held(two, both + new))
    there = await runs.there()
    assert (there.value, there.held is not None) == (NEW, True)
    assert await (await runs.kept.container.download_blob(str(there.held))).readall() == both + new + old
    await runs.close(await runs.begun("three"), OLD)
    assert (await runs.there()).held is not None, "a run that has held nothing"
    four = await runs.begun("four")
    await runs.close(four, NEWER, held=await runs.held(four, new))
    assert await (await runs.kept.container.download_blob(str((await runs.there()).held))).readall() == new


@pytest.mark.parametrize("value", [NEW, OLD])
async def test_a_quiet_night_leaves_who_moved_the_watermark_and_from_where(runs: Runs, value: str) -> None:
    await runs.close(await runs.begun("one"), OLD)
    await runs.close(await runs.begun("two"), NEW)
    before = await runs.there()
    runs.kept.now += timedelta(days=1)
    moved = await runs.close(await runs.begun("quiet"), value)
    assert (moved["moved"], moved["reason"], moved["watermark"]) == (False, STAYED, NEW)
    there = await runs.there()
    assert (there.value, there.moved_by, there.moved_at, there.previous) == (NEW, "two", before.moved_at, OLD)
    assert there.serial == before.serial + 1, "a run that began before the quiet one has to notice it"


async def test_times_are_compared_by_what_they_are_and_not_by_their_text(runs: Runs) -> None:
    await runs.close(await runs.begun("one"), "2026-11-25T02:00:00.5Z")
    moved = await runs.close(await runs.begun("two"), "2026-11-25T02:00:00Z")
    assert moved["moved"] is False
    await runs.close(await runs.begun("three"), "2026-11-25T02:00:00.25Z")
    assert (await runs.there()).value == "2026-11-25T02:00:00.5Z"


async def test_numbers_are_compared_as_numbers(runs: Runs) -> None:
    await runs.close(await runs.begun("one"), "9", kind="number")
    assert (await runs.close(await runs.begun("two"), "10", kind="number"))["moved"]


async def test_a_run_in_which_nothing_came_leaves_the_watermark_as_it_is(runs: Runs) -> None:
    ledger = await runs.begun("one")
    await runs.close(ledger, NEW, held=await runs.held(ledger, b"known"))
    before = await runs.there()
    moved = await runs.close(await runs.begun("two"), None)
    assert (moved["moved"], moved["reason"]) == (False, "no item came")
    assert await runs.there() == before


async def test_a_backfill_leaves_the_watermark_alone(runs: Runs) -> None:
    await runs.close(await runs.begun("one"), NEW)
    moved = await runs.close(await runs.begun("past", Reads(since=OLD, until=NEW, backfill=True)), NEWER)
    assert (moved["moved"], moved["reason"]) == (False, "a backfill leaves the watermark alone")
    assert (await runs.there()).value == NEW


async def test_a_run_that_a_person_set_the_watermark_beside_does_not_move_it(runs: Runs) -> None:
    ledger = await runs.begun("run")
    await watermark.give(runs.kept.container, "demo", await runs.there(), Watermark(value=OLD), runs.kept.now)
    moved = await runs.close(ledger, NEW)
    assert (moved["reason"], (await runs.there()).value) == ("a person has changed it since this run began", OLD)


async def test_of_two_changes_of_the_same_watermark_only_one_succeeds(runs: Runs) -> None:
    there = await runs.there()
    first = await watermark.give(runs.kept.container, "demo", there, Watermark(value=OLD), runs.kept.now)
    second = await watermark.give(runs.kept.container, "demo", there, Watermark(value=NEW), runs.kept.now)
    assert (first is not None, second) == (True, None)
    assert (await runs.there()).value == OLD


async def test_a_token_stays_hidden_when_a_value_of_another_kind_takes_its_place(runs: Runs) -> None:
    await runs.close(await runs.begun("one"), "s3cret-t0ken", kind="token")
    await watermark.give(runs.kept.container, "demo", await runs.there(), Watermark(value=OLD), runs.kept.now)
    there = await runs.there()
    assert (there.previous, there.shown) == ("s3cret-t0ken", OLD)
    assert str(there.previous_shown).startswith("token ")


async def test_each_set_of_parameters_has_a_watermark_of_its_own(runs: Runs) -> None:
    eu, us = {"region": "eu"}, {"region": "us"}
    await runs.close(await runs.begun("one", await runs.reads(parameters=eu)), NEW)
    await runs.close(await runs.begun("two", await runs.reads(parameters=us)), OLD)
    values = [(await runs.there(parameters)).value for parameters in (eu, us, {}, {"region": "eu", "kind": "a"})]
    assert values == [NEW, OLD, None, None]
    assert (await runs.there(eu)).parameters == eu
    assert slot("demo", eu) != slot("other", eu)
    long = {f"p{number}": "ä" * 200 for number in range(20)}
    assert len(slot("s" * 40, long)) < 200


@pytest.mark.parametrize("key", ["url", "incremental.carry", "incremental.key", "incremental.form", "incremental.read"])
async def test_a_watermark_of_another_description_starts_no_run(runs: Runs, key: str) -> None:
    await runs.close(await runs.begun("one"), NEW)
    there, described = await runs.there(), PINNED["source demo"]
    watermark.check(there, {**described, "throttle.rate": "zz", "incremental.lag": "yy"}, "demo")
    with pytest.raises(Conflict, match=r"another description: .*incremental\.read has changed") as error:
        watermark.check(there, {**described, key: "other"}, "demo")
    assert "PUT /api/sources/demo/watermark" in error.value.allowed
    watermark.check(replace(there, value=None), {}, "demo")


async def test_a_night_without_anything_new_is_no_warning_but_an_empty_first_run_is(runs: Runs) -> None:
    reports = []
    for run_id in ("one", "two"):
        ledger = await runs.begun(run_id)
        state = replace(DONE, run=ledger.run, mark=Mark(kind="time", value=NEW, holds_too_many=run_id == "two"))
        await closing.close(ledger, run_report.finish(state, runs.kept.now), runs.kept.now)
        reports.append(await ledger.report() or {})
    assert [[each["warning"] for each in report["warnings"]] for report in reports] == [
        ["no_items"],
        ["items_not_held"],
    ]


async def test_a_token_is_in_the_watermark_and_nowhere_else(runs: Runs) -> None:
    await runs.close(await runs.begun("one"), "s3cret-t0ken", kind="token")
    reads = replace(await runs.reads(), token=True)
    ledger = await runs.begun("two", reads)
    blob = ledger.blob("marks/000000-token-aa")
    await blob.upload_blob(b"s3cret-later")
    moved = await runs.close(ledger, None, kind="token", blob="marks/000000-token-aa")
    assert moved["moved"]
    assert (await runs.there()).value == "s3cret-later"
    assert "s3cret" not in json.dumps(moved)
    assert moved["from"].startswith("token ")
    assert moved["from"] != moved["watermark"]


async def test_whenever_the_end_of_a_run_is_cut_off_the_watermark_moves_once_and_with_what_it_knows(
    runs: Runs,
) -> None:
    """The process dies at each request to storage in turn; the keeper does the rest."""
    kept = runs.kept
    async for run_id in kept.at_each_request(more_than=12):
        before = await runs.there()
        ledger = await runs.begun(run_id)
        name = await runs.held(ledger, run_id.encode())
        mark = Mark(kind="number", value=str(before.serial + 1), held=name)
        state = replace(DONE, run=ledger.run, mark=mark)
        await ledger.record_state(replace(UNDER_WAY, run=ledger.run, window=DONE.window - 1), "now")
        kept.engine.has("Completed", run_id, input=to_wire(state))
        work = closing.close(ledger, run_report.finish(state, kept.now), kept.now)
        await kept.interrupted(work, by=kept.connection.die())
        there = await runs.there()
        assert there.serial in (before.serial, before.serial + 1)
        recorded = await ledger.state()
        assert recorded is not None
        if recorded.mark is None:
            assert there.serial == before.serial, "nothing moves it that is not in the ledger"
            continue
        await kept.brought_to_rest(run_id)
        there = await runs.there()
        assert (there.serial, there.value, there.moved_by) == (before.serial + 1, str(before.serial + 1), run_id)
        assert there.held is not None
        assert await (await kept.container.download_blob(there.held)).readall() == run_id.encode()
        report = await ledger.report()
        assert report is not None
        assert report["incremental"]["moved"] is True
        assert await kept.entry(run_id) is None
    held = [name async for name in kept.container.list_blob_names(name_starts_with="watermarks/demo/held/")]
    assert len(held) == 2, "what no run needs any more is deleted"


async def test_an_answer_that_is_lost_does_not_make_a_run_believe_that_another_moved_the_watermark(
    runs: Runs,
) -> None:
    kept = runs.kept
    async for run_id in kept.at_each_request(more_than=12):
        ledger = await runs.begun(run_id)
        before = await runs.there()
        await kept.interrupted(
            runs.close(ledger, str(before.serial + 1), kind="number"), by=kept.connection.lose_answer()
        )
        assert (await runs.there()).moved_by == run_id
        moved = await ledger.report()
        assert moved is not None
        assert moved["incremental"]["moved"] is True


async def test_two_starts_of_one_run_id_are_two_movers(runs: Runs) -> None:
    await runs.close(await runs.begun("run"), OLD)
    there = await runs.there()
    assert watermark.is_by(there, Run("run", START))
    assert not watermark.is_by(there, Run("run", "20260202T000000-bb"))
