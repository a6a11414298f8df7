"""What is always on, whatever the description says: against loops, foreign hosts, endless and silently cut pages."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ingestion.errors import SourceRefused
from local.demo.paging.library import library
from local.demo.paging.listing import Listing
from tests.sources.reader import Reading, reading

CURSOR = {"style": "cursor", "read": "next", "send": "cursor"}
NEXT_URL = {"style": "next_url", "read": "next"}
OFFSET = {"style": "offset", "limit": 10, "send_limit": "limit"}


def run(listing: Listing, path: str, description: dict[str, Any], **facts: Any) -> tuple[Reading, list[Any]]:
    async def all_of_it() -> tuple[Reading, list[Any]]:
        async with reading(library(listing), path, description, **facts) as going:
            return going, await going.all()

    return asyncio.run(all_of_it())


def refusal(listing: Listing, path: str, description: dict[str, Any], **facts: Any) -> tuple[str, Reading]:
    """What a run stops with, and the run, to see what it had taken by then."""

    async def refused() -> tuple[str, Reading]:
        async with reading(library(listing), path, description, **facts) as going:
            with pytest.raises(SourceRefused) as error:
                await going.all()
            return str(error.value), going

    return asyncio.run(refused())


@pytest.mark.parametrize("length", [1, 2, 7])
@pytest.mark.parametrize("max_messages", [10, 20, 1000])
def test_a_cycle_of_any_length_is_found_at_its_first_repetition_across_batches(length: int, max_messages: int) -> None:
    listing = Listing(total=100)
    message, going = refusal(
        listing, f"/trouble/cycle/{length}", {"pagination": CURSOR}, max_messages=max_messages, chunk_size=5
    )
    assert f"{length} pages back" in message
    assert "after page 10 comes page" in message, "the evidence: where it happened"
    taken = [message for batch in going.batches for message in going.messages(batch)]
    assert len(set(taken)) == len(taken), "no id of the repetition is in the spool"


def test_a_link_that_leads_to_the_same_page_is_an_error_unless_declared_an_end() -> None:
    listing = Listing(total=25, end="repeats")
    description = {"items": "value", "pagination": {"style": "next_url", "read": ["@odata.nextLink"]}}
    message, _ = refusal(listing, "/next-url/absolute", description)
    assert "1 pages back" in message


@pytest.mark.parametrize("where", ["host", "scheme", "user", "cloud", "network"])
def test_a_next_link_to_another_machine_is_refused_with_its_host(where: str) -> None:
    message, going = refusal(Listing(), f"/trouble/elsewhere/{where}", {"pagination": NEXT_URL})
    assert "next link" in message
    assert not going.batches


@pytest.mark.parametrize("named", [True, False])
def test_only_a_host_that_the_description_names_may_be_asked_beside_the_source(named: bool) -> None:
    listing = Listing(total=8)

    async def moved() -> list[Any]:
        async with TestServer(library(listing)) as other:
            there = str(other.make_url("/next-url/absolute"))

            async def first(request: web.Request) -> web.Response:
                return web.json_response({"value": [], "@odata.nextLink": there})

            app = web.Application()
            app.router.add_get("/", first)
            pagination = {"style": "next_url", "read": ["@odata.nextLink"]}
            hosts = [there.partition("/next-url")[0]] if named else []
            async with reading(app, "/", {"items": "value", "hosts": hosts, "pagination": pagination}) as going:
                return await going.all()

    if named:
        assert asyncio.run(moved()) == listing.ids()
    else:
        with pytest.raises(SourceRefused, match="add its host to hosts"):
            asyncio.run(moved())


def test_more_pages_than_the_limit_stop_the_run() -> None:
    message, _ = refusal(Listing(total=100), "/offset", {"pagination": OFFSET, "max_pages": 5}, max_messages=20)
    assert "more than 5 pages" in message
    assert "max_pages" in message
    assert len(run(Listing(total=49), "/offset", {"pagination": OFFSET, "max_pages": 6})[1]) == 49


@pytest.mark.parametrize(
    ("path", "pagination"),
    [
        ("/offset", {"style": "offset", "send_limit": "limit"}),
        ("/page-number", {"style": "page_number", "send_limit": "per_page"}),
        ("/keyset", {"style": "keyset", "send": "starting_after", "send_limit": "limit"}),
    ],
)
def test_a_page_size_that_the_server_cuts_is_noticed_and_loses_nothing(path: str, pagination: dict[str, Any]) -> None:
    listing = Listing(total=95, page_size=10)
    items = {"items": "data"} if path == "/keyset" else {}
    going, messages = run(listing, path, {**items, "pagination": {**pagination, "limit": 1000}})
    assert messages == listing.ids()
    assert going.batches[0].clamped_to == 10
    end = {"short": True}
    assert run(listing, path, {**items, "pagination": {**pagination, "limit": 1000, "end": end}})[1] == listing.ids()


def test_a_source_that_is_smaller_than_one_page_is_not_taken_for_a_cut_one() -> None:
    going, messages = run(Listing(total=0), "/offset", {"pagination": OFFSET})
    assert (messages, going.batches[0].clamped_to) == ([], None)


def test_a_listing_that_drifts_under_numbered_pages_repeats_ids_which_can_be_dropped() -> None:
    listing, pages = Listing(total=35), {"pagination": {"style": "page_number"}}
    _, kept = run(listing, "/trouble/drifting", pages)
    assert sorted(set(kept)) == sorted(listing.ids())
    assert len(kept) > len(set(kept))
    going, dropped = run(listing, "/trouble/drifting", {**pages, "repeats": "drop"})
    assert dropped == listing.ids()
    assert sum(batch.dropped for batch in going.batches) == len(kept) - len(dropped)


@pytest.mark.parametrize("max_messages", [5, 20])
def test_ids_that_come_again_on_the_next_page_are_dropped_where_declared(max_messages: int) -> None:
    listing = Listing(total=41)
    _, kept = run(listing, "/trouble/overlapping", {"pagination": CURSOR}, max_messages=max_messages)
    assert len(kept) == 49
    description = {"pagination": CURSOR, "repeats": "drop"}
    assert run(listing, "/trouble/overlapping", description, max_messages=max_messages)[1] == listing.ids()


def test_an_exact_total_that_is_not_reached_is_an_error() -> None:
    description = {"total": "total", "pagination": {**OFFSET, "end": {"exact_total": True}}}
    message, _ = refusal(Listing(total=25), "/trouble/growing", description)
    assert "after 25 items" in message
    assert "has 35" in message
    assert len(run(Listing(total=25), "/offset", description)[1]) == 25


@pytest.mark.parametrize(
    ("path", "description", "said"),
    [
        ("/nowhere", {"pagination": {**OFFSET, "end": {"statuses": [404]}}}, "HTTP 404"),
        ("/offset", {"items": "data", "pagination": OFFSET}, "data"),
        ("/offset", {"pagination": OFFSET, "message": "uuid"}, "uuid"),
        ("/offset", {"pagination": {**OFFSET, "end": {"more": "has_more"}}}, "has_more"),
        ("/cursor", {"pagination": {**CURSOR, "end": {"more": "meta.has_more"}}}, "no cursor at"),
        ("/offset", {"pagination": {"style": "keyset", "key": "id", "order": "descending"}}, "descending"),
        ("/since", {"pagination": {"style": "since", "start": "2024-01-01T00:00:00Z"}}, "raise limit"),
    ],
)
def test_a_source_that_is_not_as_described_is_refused_in_words(
    path: str, description: dict[str, Any], said: str
) -> None:
    message, _ = refusal(Listing(total=100, ties=20), path, description)
    assert said in message
