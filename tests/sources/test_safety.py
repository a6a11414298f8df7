"""The checks for every description: against loops, other hosts, endless pages and silently cut pages."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ingestion.contracts import Cursor
from ingestion.errors import SourceRefused
from ingestion.wire import to_wire
from local.demo.paging.listing import Listing
from tests.sources.fake_api import FakeApi, Library, Pages
from tests.sources.reader import read, reading, refusal

ODATA = {"items": "value", "pagination": {"style": "next_url", "read": ["@odata.nextLink"]}}
OFFSET = {"style": "offset", "limit": 10, "send_limit": "limit"}
NUMBERED = {"pagination": {"style": "page_number"}}


@pytest.mark.parametrize("length", [1, 2, 7])
@pytest.mark.parametrize("max_messages", [10, 20, 1000])
def test_a_cycle_of_any_length_is_found_at_its_first_repetition_across_batches(length: int, max_messages: int) -> None:
    evidence = f"after page 10 comes page .*{length} pages back"
    _, run = refusal(Library(f"/trouble/cycle/{length}", total=100), {}, evidence, max_messages=max_messages)
    assert len(set(run.taken)) == len(run.taken), "no id of the repetition is in the spool"


def last_page_for_ever(key: str) -> FakeApi:
    """Pages of ten ids; every request after the third gets the third page again, although it has a next cursor."""
    asked: list[int] = []

    def page(request: web.Request) -> Any:
        asked.append(len(asked) + 1)
        link = {"Link": f'</?page={len(asked)}>; rel="next"'}
        begin = 10 * min(len(asked), 3)
        document = {"items": [{"id": begin + number} for number in range(10)], key: f"/?page={len(asked)}"}
        return web.json_response(document, headers=link)

    return FakeApi(page)


@pytest.mark.parametrize("max_messages", [10, 1000])
@pytest.mark.parametrize("style", ["cursor", "next_url", "link_header", "page_number", "offset", "window"])
def test_the_same_page_at_another_position_is_an_error_that_names_both_and_is_not_taken_unless_it_is_the_end(
    style: str, max_messages: int
) -> None:
    table: dict[str, Any] = {"style": style, **({"stop": 10**6} if style == "window" else {})}
    key = "next_cursor" if style == "cursor" else "next"
    said = "page 4 of the source has the same items as page 3.*end.repeated_page = true"
    _, run = refusal(last_page_for_ever(key), {"pagination": table}, said, max_messages=max_messages)
    assert len(set(run.taken)) == len(run.taken)
    table["end"] = {"repeated_page": True}
    messages, run = read(last_page_for_ever(key), {"pagination": table}, max_messages=max_messages)
    assert (messages, run.batches[-1].ended) == (list(range(10, 40)), "page 3 again")


@pytest.mark.parametrize("max_messages", [10, 1000])
def test_the_same_ids_with_something_new_beside_them_are_the_same_page(max_messages: int) -> None:
    asked: list[int] = []

    def page(request: web.Request) -> Any:
        asked.append(1)
        return {"items": [{"id": number, "link": f"https://files.example/{len(asked)}"} for number in range(10)]}

    refusal(FakeApi(page), NUMBERED, "page 2 of the source has the same items as page 1", max_messages=max_messages)


def test_pages_whose_messages_are_the_same_but_not_their_items_are_no_repetition() -> None:
    pages = [{"items": [{"id": "open", "number": number} for number in range(begin, begin + 2)]} for begin in (0, 2)]
    assert read(FakeApi(*pages, {"items": []}), NUMBERED)[0] == ["open"] * 4


def test_a_link_that_leads_to_the_same_page_is_an_error_unless_declared_an_end() -> None:
    refusal(Library("/next-url/absolute", end="repeats"), ODATA, "1 pages back")


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        ("http://127.0.0.2:9/steal", "http://127.0.0.2:9"),
        ("file:///etc/passwd", "something that is not an HTTP address"),
        ("http://127.0.0.1@127.0.0.2:9/", "http://127.0.0.2:9"),
        ("http://169.254.169.254/metadata", "http://169.254.169.254:80"),
        ("//127.0.0.2:9/steal", "http://127.0.0.2:9"),
    ],
)
def test_a_next_link_to_another_machine_is_refused_with_its_host(link: str, leads: str) -> None:
    table, evidence = {"pagination": {"style": "next_url"}}, f"next link leads to {leads}, but"
    _, run = refusal(FakeApi({"items": [{"id": 1}], "next": link}), table, evidence)
    assert not run.batches


@pytest.mark.parametrize("named", [True, False])
def test_only_a_host_that_the_description_names_may_be_asked_beside_the_source(named: bool) -> None:
    other = Library("/next-url/absolute", total=8)

    async def moved() -> list[Any]:
        async with TestServer(other.app()) as elsewhere:
            there = str(elsewhere.make_url(other.path))
            hosts = [there.removesuffix(other.path)] if named else []
            async with reading(FakeApi({"value": [], "@odata.nextLink": there}), {**ODATA, "hosts": hosts}) as run:
                return await run.all()

    if named:
        assert asyncio.run(moved()) == other.listing.ids()
    else:
        with pytest.raises(SourceRefused, match="add its origin to hosts"):
            asyncio.run(moved())


def test_a_stored_cursor_that_somebody_has_changed_cannot_lead_to_another_host() -> None:
    async def continued() -> None:
        api = FakeApi({"items": [{"id": 1}], "next": "/?page=2"})
        async with reading(api, {"pagination": {"style": "next_url"}}, max_messages=1) as run:
            batch = await run.fetch(0, None)
            cursor = to_wire(batch.next_cursor)
            text = cursor["text"].replace(run.source.url, "http://other.example/")
            assert text != cursor["text"]
            await run.fetch(1, Cursor(text=text))

    with pytest.raises(SourceRefused, match=r"the stored cursor of the run leads to http://other\.example:80, but"):
        asyncio.run(continued())


def test_more_pages_than_the_limit_stop_the_run() -> None:
    refusal(Library("/offset", total=100), {"pagination": OFFSET, "max_pages": 5}, "more than 5 pages.*max_pages")
    assert len(read(Library("/offset", total=49), {"pagination": OFFSET, "max_pages": 6})[0]) == 49


@pytest.mark.parametrize(
    ("path", "table", "pagination"),
    [
        ("/offset", {}, {"style": "offset", "send_limit": "limit"}),
        ("/page-number", {}, {"style": "page_number", "send_limit": "per_page"}),
        ("/keyset", {"items": "data"}, {"style": "keyset", "send": "starting_after", "send_limit": "limit"}),
    ],
)
@pytest.mark.parametrize("end", [{}, {"short": True}])
def test_a_page_size_that_the_server_cuts_is_noticed_and_loses_nothing(
    path: str, table: dict[str, Any], pagination: dict[str, Any], end: dict[str, bool]
) -> None:
    api = Library(path, total=95, page_size=10)
    messages, run = read(api, {**table, "pagination": {**pagination, "limit": 1000, "end": end}})
    assert messages == api.listing.ids()
    assert run.batches[0].clamped_to == 10


def test_a_source_that_is_smaller_than_one_page_is_not_taken_for_a_cut_one() -> None:
    messages, run = read(Library("/offset", total=0), {"pagination": OFFSET})
    assert (messages, run.batches[0].clamped_to) == ([], None)


@pytest.mark.parametrize("max_messages", [5, 20])
@pytest.mark.parametrize(
    ("path", "table", "listing", "twice"),
    [
        ("drifting", NUMBERED, Listing(total=35), 3),  # under numbered pages
        ("overlapping", {}, Listing(total=41), 8),
    ],
)
def test_ids_that_come_again_on_the_next_page_are_dropped_where_declared(
    path: str, table: dict[str, Any], listing: Listing, twice: int, max_messages: int
) -> None:
    kept, _ = read(Library(f"/trouble/{path}", listing), table, max_messages=max_messages)
    assert (len(kept), sorted(set(kept))) == (listing.total + twice, sorted(listing.ids()))
    dropping = {**table, "repeats": "drop"}
    dropped, run = read(Library(f"/trouble/{path}", listing), dropping, max_messages=max_messages)
    assert dropped == listing.ids()
    assert sum(batch.dropped for batch in run.batches) == twice


def test_an_exact_total_that_is_not_reached_is_an_error() -> None:
    table = {"total": "total", "pagination": {"style": "page_number", "end": {"exact_total": True}}}
    pages = [{"items": [{"id": 1}, {"id": 2}], "total": 3}, {"items": [], "total": 3}]
    refusal(FakeApi(*pages), table, "after 2 items.* has 3")
    assert len(read(Pages(25), table)[0]) == 25


@pytest.mark.parametrize(
    ("path", "table", "said"),
    [
        ("/nowhere", {"pagination": {**OFFSET, "end": {"statuses": [404]}}}, "HTTP 404"),
        ("/offset", {"items": "data", "pagination": OFFSET}, "data"),
        ("/offset", {"pagination": OFFSET, "message": "uuid"}, "uuid"),
        ("/since", {"pagination": {"style": "since", "start": "2024-01-01T00:00:00Z"}}, "raise limit"),
    ],
)
def test_a_source_that_is_not_as_described_is_refused_in_words(path: str, table: dict[str, Any], said: str) -> None:
    refusal(Library(path, total=100, ties=20), table, said)
