"""A cursor that dies on the way: said in each of its forms, and answered by each of the declared strategies."""

import asyncio
from typing import Any

import pytest

from demo.paging.library import library
from demo.paging.listing import Listing
from ingestion.errors import SourceRefused
from tests.sources.reader import reading

CURSOR = {"style": "cursor", "read": "next", "send": "cursor"}
FORMS: dict[str, dict[str, Any]] = {
    "410": {},
    "400": {"statuses": [400], "codes": ["expired_cursor"]},
    "404": {"statuses": [404]},
    "422": {"statuses": [410, 422], "codes": ["LIST_RECORDS_ITERATOR_NOT_AVAILABLE", "expired_cursor"]},
    "200": {"statuses": [200], "codes": ["expired_cursor"]},
}


def read(path: str, expiry: dict[str, Any], listing: Listing, max_messages: int = 20) -> list[Any]:
    async def all_of_it() -> list[Any]:
        description = {"pagination": CURSOR, "expiry": expiry}
        async with reading(library(listing), path, description, max_messages=max_messages) as run:
            return await run.all()

    return asyncio.run(all_of_it())


@pytest.mark.parametrize("max_messages", [5, 20, 1000])
@pytest.mark.parametrize("form", FORMS)
def test_a_restart_skips_what_the_run_has_already(form: str, max_messages: int) -> None:
    listing = Listing(total=55)
    expiry = {**FORMS[form], "then": "restart"}
    assert read(f"/trouble/expiring/{form}", expiry, listing, max_messages) == listing.ids()


@pytest.mark.parametrize("form", FORMS)
def test_a_resumption_goes_on_after_the_last_key(form: str) -> None:
    listing = Listing(total=55)
    expiry = {**FORMS[form], "then": "resume", "key": "id", "send": "since_id"}
    assert read(f"/trouble/expiring/{form}", expiry, listing) == listing.ids()


@pytest.mark.parametrize("form", FORMS)
def test_without_a_strategy_the_run_fails_and_says_how_to_go_on(form: str) -> None:
    with pytest.raises(SourceRefused, match=rf"HTTP {form}, after page 2.*expiry\.then"):
        read(f"/trouble/expiring/{form}", FORMS[form], Listing(total=55))


def test_the_same_status_without_the_declared_code_is_a_refusal_not_an_expiry() -> None:
    with pytest.raises(SourceRefused, match="HTTP 400"):
        read("/trouble/expiring/400", {"statuses": [400], "codes": ["gone"], "then": "restart"}, Listing(total=55))


def test_a_source_whose_cursors_never_live_long_enough_ends_the_run_instead_of_restarting_for_ever() -> None:
    with pytest.raises(SourceRefused, match="faster than the run can catch up"):
        read("/trouble/always-expired", {"then": "restart"}, Listing(total=55))


def test_a_source_that_ignores_the_key_to_resume_from_is_found_out_before_ids_come_twice() -> None:
    with pytest.raises(SourceRefused, match=r"ignores.*nonsense"):
        read("/trouble/expiring/410", {"then": "resume", "key": "id", "send": "nonsense"}, Listing(total=55))
