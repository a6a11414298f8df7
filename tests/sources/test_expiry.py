"""A cursor that expires: every form of that answer, and every declared strategy."""

from typing import Any

import pytest
from aiohttp import web

from tests.sources.fake_api import CURSOR, Library, Pages
from tests.sources.reader import Reading, read, refusal

FORMS: dict[str, dict[str, Any]] = {
    "410": {},
    "400": {"statuses": [400], "codes": ["expired_cursor"]},
    "404": {"statuses": [404]},
    "422": {"statuses": [410, 422], "codes": ["LIST_RECORDS_ITERATOR_NOT_AVAILABLE", "expired_cursor"]},
    "200": {"statuses": [200], "codes": ["expired_cursor"]},
}
RESTART = {"then": "restart"}
RESUME = {"then": "resume", "key": "id", "send": "since_id"}
IDS = list(range(1, 61))


def expiring(form: str = "410") -> Library:
    return Library(f"/trouble/expiring/{form}", total=55)


def read_dying(max_messages: int = 20, **table: Any) -> tuple[list[Any], Reading]:
    """Return what is read of six pages if the cursor of the fourth expires once."""
    return read(dying(), table, max_messages=max_messages)


def dying() -> Pages:
    dead: list[int] = []

    def instead(request: web.Request, start: int) -> int | None:
        if start != 30 or "cursor" not in request.query or dead:
            return None
        dead.append(start)
        return 410

    return Pages(IDS[-1], instead=instead)


@pytest.mark.parametrize("max_messages", [5, 20, 1000])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("then", [RESTART, RESUME])
def test_a_run_goes_on_as_declared_with_what_it_does_not_have(
    then: dict[str, Any], form: str, max_messages: int
) -> None:
    api = expiring(form)
    assert read(api, {"expiry": FORMS[form] | then}, max_messages=max_messages)[0] == api.listing.ids()


@pytest.mark.parametrize("form", FORMS)
def test_without_a_strategy_the_run_fails_and_says_how_to_go_on(form: str) -> None:
    message, _ = refusal(expiring(form), {"expiry": FORMS[form]})
    assert f"HTTP {form}, after page 2" in message
    assert "expiry.then" in message


@pytest.mark.parametrize(
    ("path", "expiry", "said"),
    [
        ("expiring/400", {"statuses": [400], "codes": ["gone"], **RESTART}, "answered HTTP 400"),
        ("expiring/410?always", RESTART, "faster than the run can catch up"),
        ("expiring/410", {**RESUME, "send": "nonsense"}, "the source ignores 'nonsense'"),
        ("expiring/410", {**RESUME, "key": "idd"}, "no usable key at 'idd', from which the run would resume"),
    ],
)
def test_an_undeclared_expiry_or_one_that_the_strategy_cannot_repair_ends_the_run(
    path: str, expiry: dict[str, Any], said: str
) -> None:
    message, run = refusal(Library(f"/trouble/{path}", total=55), {"expiry": expiry})
    assert said in message
    assert len(set(run.taken)) == len(run.taken)


@pytest.mark.parametrize(("expiry", "pages"), [(RESUME, 6), (RESTART, 9)])
@pytest.mark.parametrize("max_messages", [10, 1000])
def test_the_limit_of_pages_counts_those_before_a_cursor_has_expired_too(
    expiry: dict[str, Any], pages: int, max_messages: int
) -> None:
    assert read_dying(max_messages, expiry=expiry, max_pages=pages)[0] == IDS
    message, _ = refusal(dying(), {"expiry": expiry, "max_pages": pages - 1}, max_messages=max_messages)
    assert f"more than {pages - 1} pages" in message


@pytest.mark.parametrize("expiry", [RESUME, RESTART])
@pytest.mark.parametrize("max_messages", [10, 20, 1000])
def test_the_total_of_a_source_is_that_of_all_of_it_also_after_its_cursor_has_expired(
    expiry: dict[str, Any], max_messages: int
) -> None:
    pagination = {**CURSOR, "end": {"exact_total": True}}
    messages, run = read_dying(max_messages, expiry=expiry, total="total", pagination=pagination)
    assert messages == IDS
    assert {batch.source_total for batch in run.batches} == {60}
    assert sum(batch.count for batch in run.batches) == 60, "what a run compares with the total"
