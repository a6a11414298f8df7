"""A cursor that dies on the way: said in each of its forms, and answered by each of the declared strategies."""

import asyncio
import itertools
import json
from typing import Any

import pytest
from aiohttp import web

from ingestion.errors import SourceRefused
from local.demo.paging.library import library
from local.demo.paging.listing import Listing
from tests.sources.one_page import app_of, cut_off
from tests.sources.reader import Reading, read, reading

CURSOR = {"style": "cursor", "read": "next", "send": "cursor"}
FORMS: dict[str, dict[str, Any]] = {
    "410": {},
    "400": {"statuses": [400], "codes": ["expired_cursor"]},
    "404": {"statuses": [404]},
    "422": {"statuses": [410, 422], "codes": ["LIST_RECORDS_ITERATOR_NOT_AVAILABLE", "expired_cursor"]},
    "200": {"statuses": [200], "codes": ["expired_cursor"]},
}


def read_from(path: str, expiry: dict[str, Any], listing: Listing, max_messages: int = 20) -> list[Any]:
    description = {"pagination": CURSOR, "expiry": expiry}
    return read(library(listing), path, description, max_messages=max_messages)[0]


@pytest.mark.parametrize("max_messages", [5, 20, 1000])
@pytest.mark.parametrize("form", FORMS)
def test_a_restart_skips_what_the_run_has_already(form: str, max_messages: int) -> None:
    listing = Listing(total=55)
    expiry = {**FORMS[form], "then": "restart"}
    assert read_from(f"/trouble/expiring/{form}", expiry, listing, max_messages) == listing.ids()


@pytest.mark.parametrize("form", FORMS)
def test_a_resumption_goes_on_after_the_last_key(form: str) -> None:
    listing = Listing(total=55)
    expiry = {**FORMS[form], "then": "resume", "key": "id", "send": "since_id"}
    assert read_from(f"/trouble/expiring/{form}", expiry, listing) == listing.ids()


@pytest.mark.parametrize("form", FORMS)
def test_without_a_strategy_the_run_fails_and_says_how_to_go_on(form: str) -> None:
    with pytest.raises(SourceRefused, match=rf"HTTP {form}, after page 2.*expiry\.then"):
        read_from(f"/trouble/expiring/{form}", FORMS[form], Listing(total=55))


def test_the_same_status_without_the_declared_code_is_a_refusal_not_an_expiry() -> None:
    with pytest.raises(SourceRefused, match="HTTP 400"):
        read_from("/trouble/expiring/400", {"statuses": [400], "codes": ["gone"], "then": "restart"}, Listing(total=55))


def test_a_source_whose_cursors_never_live_long_enough_ends_the_run_instead_of_restarting_for_ever() -> None:
    with pytest.raises(SourceRefused, match="faster than the run can catch up"):
        read_from("/trouble/expiring/410?always", {"then": "restart"}, Listing(total=55))


def test_a_source_that_ignores_the_key_to_resume_from_is_found_out_before_ids_come_twice() -> None:
    with pytest.raises(SourceRefused, match=r"ignores.*nonsense"):
        read_from("/trouble/expiring/410", {"then": "resume", "key": "id", "send": "nonsense"}, Listing(total=55))


class Dying:
    """Ids from 1 on, pages of 10; the cursor of the fourth page dies once. `total` is what is left after `since_id`."""

    def __init__(self, last: int = 60) -> None:
        self.last, self.died = last, False

    async def page(self, request: web.Request) -> web.Response:
        since = int(request.query.get("since_id", 0))
        start = int(request.query.get("cursor", since))
        if start == 30 and "cursor" in request.query and not self.died:
            self.died = True
            return web.json_response({}, status=410)
        stop = start + 10
        items = [{"id": number} for number in range(start + 1, min(stop, self.last) + 1)]
        following = stop if stop < self.last else None
        return web.json_response({"items": items, "next": following, "total": self.last - since})


def read_dying(max_messages: int = 20, **table: Any) -> tuple[list[Any], Reading]:
    return read(app_of(Dying().page), "/", {"pagination": CURSOR, **table}, max_messages=max_messages)


RESUME = {"then": "resume", "key": "id", "send": "since_id"}


def test_a_key_to_resume_from_that_no_item_has_is_found_out_on_the_first_page() -> None:
    with pytest.raises(SourceRefused, match=r"no usable key at 'idd'.*expiry\.key"):
        read_dying(expiry={**RESUME, "key": "idd"})
    assert read_dying(expiry=RESUME)[0] == list(range(1, 61))


@pytest.mark.parametrize(("expiry", "pages"), [(RESUME, 6), ({"then": "restart"}, 9)])
@pytest.mark.parametrize("max_messages", [10, 1000])
def test_the_limit_of_pages_counts_those_before_a_cursor_has_expired_too(
    expiry: dict[str, Any], pages: int, max_messages: int
) -> None:
    assert read_dying(max_messages, expiry=expiry, max_pages=pages)[0] == list(range(1, 61))
    with pytest.raises(SourceRefused, match=f"more than {pages - 1} pages"):
        read_dying(max_messages, expiry=expiry, max_pages=pages - 1)


@pytest.mark.parametrize("expiry", [RESUME, {"then": "restart"}])
def test_a_cursor_that_dies_after_its_page_was_cut_off_brings_no_id_twice(expiry: dict[str, Any]) -> None:
    asked = itertools.count()

    async def page(request: web.Request) -> web.StreamResponse:
        since, cursor = int(request.query.get("since_id", 0)), request.query.get("cursor")
        if cursor is None:
            ids = range(since + 1, min(since + 10, 110) + 1)
            following = ids[-1] if ids and ids[-1] < 110 else None
            return web.json_response({"items": [{"id": one} for one in ids], "next": following})
        pad = "x" * 20_000  # so that the page is read while it arrives
        body = json.dumps({"items": [{"id": one, "pad": pad} for one in range(int(cursor) + 1, 111)]}).encode()
        match next(asked):
            case 0:  # cut off, after its first chunks were written
                return await cut_off(request, body)
            case 1:
                return web.json_response({}, status=410)
        return web.Response(body=body)

    async def run() -> list[Any]:
        async with reading(app_of(page), "/", {"pagination": CURSOR, "expiry": expiry}) as going:
            return await going.all()

    assert asyncio.run(run()) == list(range(1, 111))


@pytest.mark.parametrize("expiry", [RESUME, {"then": "restart"}])
@pytest.mark.parametrize("max_messages", [10, 20, 1000])
def test_the_total_of_a_source_is_that_of_all_of_it_also_after_its_cursor_has_expired(
    expiry: dict[str, Any], max_messages: int
) -> None:
    pagination = {**CURSOR, "end": {"exact_total": True}}
    table = {"expiry": expiry, "total": "total", "pagination": pagination}
    messages, going = read_dying(max_messages=max_messages, **table)
    assert messages == list(range(1, 61))
    assert {batch.source_total for batch in going.batches} == {60}
    assert sum(batch.count + batch.dropped for batch in going.batches) == 60, "what a run compares with the total"
