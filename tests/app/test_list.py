"""GET /api/runs: newest first, each run once, with counts; the cost does not grow with the number of runs."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest
from azure.core.exceptions import HttpResponseError

from clients.get_runs import get_runs
from clients.query import token_of
from ingestion.contracts import Chunks, Run, Sums
from ingestion.run import closing, run_index, run_report
from ingestion.run.ledger import Ledger
from ingestion.run.run_index import Wanted
from ingestion.run.run_state import CANCEL, CHANGED, PAUSE
from tests.app.engine import START
from tests.app.kept import FRESH, Kept

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


async def asked(kept: Kept, **params: Any) -> tuple[int, Any]:
    """Get a page of the list; `from_` is the parameter `from`."""
    given = {name.rstrip("_"): str(value) for name, value in params.items() if value is not None}
    request = func.HttpRequest("GET", "/api/runs", params=given, body=b"")
    answer = await get_runs._function.get_user_function()(request)
    return answer.status_code, json.loads(answer.get_body())


async def walk(kept: Kept, **params: Any) -> AsyncIterator[list[Any]]:
    """Yield each page of the list, from the first to the last."""
    after = None
    while True:
        status, page = await asked(kept, after=after, **params)
        assert status == 200, page
        yield page["runs"]
        if (after := page["next"]) is None:
            return


async def entered(kept: Kept, number: int) -> None:
    """Write the index entry of run `number`; a higher number is newer, and every third run has ended."""
    started_at = (BEGAN + timedelta(minutes=number)).isoformat()
    state = replace(FRESH, run=Run(f"run-{number}", START), started_at=started_at)
    await run_index.enter(kept.container, state)
    if number % 3 == 0:
        await run_index.note(kept.container, state, {"outcome": "completed", "finished_at": started_at})


async def many(kept: Kept, count: int) -> None:
    await asyncio.gather(*(entered(kept, number) for number in range(count)))


class Listing:
    """A fake container that answers List Blobs as storage does."""

    def __init__(self, entries: list[Any]) -> None:
        self._entries, self.requests = sorted(entries, key=lambda entry: entry.name), 0
        self.continuation_token: str | None = None

    def list_blobs(self, prefix: str, *, include: list[str], results_per_page: int) -> "Listing":
        assert (prefix, include) == (run_index.PREFIX, ["metadata"])
        self._most = results_per_page
        return self

    def by_page(self, marker: str | None) -> "Listing":
        self._at = int(marker or 0)
        return self

    async def __anext__(self) -> Any:
        self.requests += 1
        stop = self._at + min(self._most, 5_000)
        self.continuation_token = str(stop) if stop < len(self._entries) else None
        return self._page(self._entries[self._at : stop])

    async def _page(self, entries: list[Any]) -> AsyncIterator[Any]:
        for entry in entries:
            yield entry


def entry(number: int) -> Any:
    """Return an entry of a listing: one of ten runs is of source users, one of three has completed."""
    started_at = (BEGAN + timedelta(minutes=number)).isoformat()
    facts = {"source": "users" if number % 10 == 0 else "orders", "started_at": started_at, "status": "running"}
    outcome = {"outcome": "completed"} if number % 3 == 0 else {}
    return SimpleNamespace(name=run_index.name_of(f"run-{number}", started_at), metadata=facts | outcome)


async def test_a_page_beside_ten_thousand_runs_costs_at_most_five_requests_and_every_filter_finds_each_run_once() -> (
    None
):
    container: Any = Listing([entry(number) for number in range(10_000)])

    async def walked(wanted: Wanted, limit: int = 20) -> list[str]:
        """Return the ids of all matching runs; check that no page takes more than five requests."""
        found, place = list[str](), None
        while True:
            container.requests = 0
            page = await run_index.listed(container, wanted, limit, place)
            assert container.requests <= 5
            found += [run["run_id"] for run in page.runs]
            if (place := page.following) is None:
                return found

    first = await run_index.listed(container, Wanted(), 20)
    assert (container.requests, len(first.runs), first.runs[0]["run_id"]) == (1, 20, "run-9999")
    assert await walked(Wanted()) == [f"run-{number}" for number in range(9_999, -1, -1)]
    rare = Wanted(statuses=("completed",), source="users")
    assert await walked(rare, limit=7) == [f"run-{number}" for number in range(9_990, -1, -30)]
    since, until = (BEGAN + timedelta(minutes=number) for number in (4_000, 4_100))
    assert await walked(Wanted(since=since, until=until)) == [f"run-{number}" for number in range(4_099, 3_999, -1)]
    assert await walked(Wanted(source="nobody")) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("status", [None, "completed", "pending"])
async def test_pages_of_every_size_give_each_run_once_though_new_ones_begin_meanwhile(
    kept: Kept, limit: int, status: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_index, "ENTRIES", 4)  # of a request, so that a page ends within one
    await many(kept, 23)
    found, newer = [], 100
    async for page in walk(kept, limit=limit, status=status):
        assert len(page) <= limit
        found += [one["run_id"] for one in page]
        await entered(kept, newer)
        newer += 1
    wanted = [it for it in range(22, -1, -1) if status is None or (it % 3 == 0) == (status == "completed")]
    assert found == [f"run-{number}" for number in wanted]


async def test_the_list_has_the_counts_of_the_last_window_and_in_the_end_those_of_the_report(kept: Kept) -> None:
    await run_index.enter(kept.container, FRESH)
    [run] = (await asked(kept))[1]["runs"]
    assert (run["status"], run["fetched"], run["ended_at"]) == ("pending", 0, None)
    state = replace(
        FRESH,
        batches=1,
        chunks=3,
        fetched=30,
        done=Sums(chunks=2, messages=20, enqueued=19, rejected=1),
        spooled=(Chunks("aa", "2"),),
        spooled_messages=10,
        source_total=99,
    )
    await run_index.note_window(kept.container, state, "running")
    [run] = (await asked(kept))[1]["runs"]
    counts = {name: run[name] for name in ("fetched", "enqueued", "rejected", "failed", "pending", "source_total")}
    assert list(counts.values()) == [30, 19, 1, 0, 10, 99]
    ledger = await kept.begun(state=state)
    ended = replace(state, error="the source é is\nno more", spooled=(), spooled_messages=0, fetched=20, window=2)
    await closing.close(Ledger(kept.container, ledger.run), run_report.finish(ended, kept.now), kept.now)
    [run] = (await asked(kept))[1]["runs"]
    assert (run["status"], run["fetched"], run["pending"]) == ("failed", 20, 0)
    assert run["error"] == "the source é is\nno more"
    assert (run["ended_at"], run["seconds"] > 0) == (kept.now.isoformat(), True)


async def test_an_error_with_half_a_character_ends_no_run_without_a_name(kept: Kept) -> None:
    await run_index.enter(kept.container, FRESH)
    report = {"outcome": "failed", "finished_at": kept.now.isoformat(), "error": "the source said \ud800"}
    await run_index.note(kept.container, FRESH, report)
    [run] = (await asked(kept))[1]["runs"]
    assert (run["status"], run["error"]) == ("failed", "the source said ?")


async def test_a_command_shows_in_the_list_at_once_and_never_in_place_of_an_outcome(kept: Kept) -> None:
    await run_index.enter(kept.container, FRESH)
    await run_index.note_status(kept.container, "run", FRESH.started_at, "paused")
    assert (await asked(kept))[1]["runs"][0]["status"] == "paused"
    await run_index.note(kept.container, FRESH, {"outcome": "cancelled", "finished_at": FRESH.started_at})
    await run_index.note_status(kept.container, "run", FRESH.started_at, "paused")
    assert (await asked(kept))[1]["runs"][0]["status"] == "cancelled"


def test_at_a_window_the_list_says_what_holds_the_run_back() -> None:
    now = BEGAN + timedelta(hours=1)
    later = replace(FRESH, wait_until=(now + timedelta(hours=1)).isoformat())
    shown = [run_report.status_in_list(FRESH, command, now) for command in (None, PAUSE, CANCEL, CHANGED)]
    assert shown == ["running", "paused", "cancelling", "held"]
    assert run_report.status_in_list(later, None, now) == "waiting"
    assert run_report.status_in_list(later, None, now + timedelta(hours=2)) == "running"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"status": "done"}, "status"),
        ({"from_": "yesterday"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"after": "x"}, "after"),
        ({"after": "WzFd"}, "after"),
        ({"after": token_of("runs", "\ud800", "")}, "after"),
        ({"after": token_of("runs", "", "\ud800")}, "after"),
    ],
)
async def test_a_filter_that_cannot_be_is_refused_with_its_field(kept: Kept, params: Any, field: str) -> None:
    status, problem = await asked(kept, **params)
    assert (status, problem["field"], problem["status"]) == (400, field, 400)


async def test_a_marker_that_storage_has_not_given_is_no_token(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*given: Any) -> Any:
        error = HttpResponseError("The specified marker is invalid")
        error.status_code = 400
        raise error

    monkeypatch.setattr(run_index, "listed", refuse)
    status, problem = await asked(kept, after=token_of("runs", "2!no-marker", ""))
    assert (status, problem["field"]) == (400, "after")
    assert (await asked(kept))[0] == 503


async def test_a_list_of_all_runs_reads_no_more_entries_than_it_shows(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    async def note(container: Any, wanted: Wanted, limit: int, after: Any) -> Any:
        container = Listing([entry(number) for number in range(3_000)])
        page = await run_index_listed(container, wanted, limit, after)
        read.append(container._most)
        return page

    run_index_listed = run_index.listed
    monkeypatch.setattr(run_index, "listed", note)
    await asked(kept, limit=20)
    await asked(kept, limit=20, source="orders")
    assert read == [20, run_index.ENTRIES]
