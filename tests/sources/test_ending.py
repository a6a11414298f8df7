"""How a source ends: what told so is known afterwards, and nothing that says there is more is passed over."""

from typing import Any

import pytest
from aiohttp import web

from ingestion.contracts import Batch
from ingestion.errors import SourceRefused, SourceUnreachable
from tests.sources.one_page import app_of
from tests.sources.reader import read


def read_pages(pages: list[Any], description: dict[str, Any]) -> tuple[list[Any], Batch]:
    """All messages of a source whose first page is `pages[0]` and so on, and its last batch; each page a document."""
    answers = iter(pages)

    async def page(request: web.Request) -> web.Response:
        return web.json_response(next(answers))

    messages, going = read(app_of(page, orders=page), "/orders", description)
    return messages, going.batches[-1]


def items(*ids: int, **beside: Any) -> dict[str, Any]:
    return {"items": [{"id": number} for number in ids], **beside}


def test_the_last_batch_says_what_told_that_the_source_has_no_more() -> None:
    pages = [items(1, nextt="/orders?page=2")]
    messages, last = read_pages(pages, {"pagination": {"style": "next_url", "read": "next"}})
    assert (messages, last.ended) == ([1], "no address at next")
    messages, last = read_pages([items(n) for n in range(25)] + [items()], {"pagination": {"style": "page_number"}})
    assert (len(messages), last.index, last.ended) == (25, 1, "a page without items")


@pytest.mark.parametrize("end", [{"more": "has_more"}, {"done": "done"}, {"total_pages": "pages"}])
def test_an_empty_numbered_page_is_not_the_end_while_the_source_says_that_there_is_more(end: dict[str, str]) -> None:
    pages = [
        {**(items() if number == 2 else items(number)), "has_more": number < 4, "done": number == 4, "pages": 4}
        for number in range(1, 5)
    ]
    assert read_pages(pages, {"pagination": {"style": "page_number", "end": end}})[0] == [1, 3, 4]


@pytest.mark.parametrize(
    ("style", "said"),
    [
        ({"style": "offset"}, "no items to go on from"),
        ({"style": "keyset"}, "no items to go on from"),
        ({"style": "since", "form": "number", "key": "id"}, r"has_more is true\), but does not lead there"),
    ],
)
def test_an_empty_page_that_says_that_there_is_more_is_refused_where_items_lead_on(style: Any, said: str) -> None:
    pages = [items(1, has_more=True), items(has_more=True)]
    with pytest.raises(SourceRefused, match=said):
        read_pages(pages, {"pagination": {**style, "end": {"more": "has_more"}}})
    assert read_pages(pages, {"pagination": {**style, "end": {"more": "has_more", "empty": True}}})[0] == [1]


@pytest.mark.parametrize("style", ["cursor", "next_url", "link_header"])
@pytest.mark.parametrize(
    ("end", "said"),
    [
        ({"more": "has_more"}, "has_more is true"),
        ({"done": "done"}, "done is false"),
        ({"total_pages": "pages"}, "pages is 3, and 1 came"),
    ],
)
def test_a_promise_of_more_without_a_way_there_is_refused(style: str, end: dict[str, str], said: str) -> None:
    page = items(1, has_more=True, done=False, pages=3, next=None, next_cursor=None)
    with pytest.raises(SourceRefused, match=rf"says that there is more \({said}\), but does not lead there"):
        read_pages([page], {"pagination": {"style": style, "end": end}})


@pytest.mark.parametrize("page", [items(1, done=True), items(1)])
def test_a_flag_that_says_done_or_is_left_out_promises_nothing(page: dict[str, Any]) -> None:
    assert read_pages([page], {"pagination": {"style": "cursor", "end": {"done": "done"}}})[0] == [1]


def test_a_first_page_against_the_declared_order_puts_nothing_on_the_queue() -> None:
    with pytest.raises(SourceRefused, match="said to be ascending, but a page begins with 9 and ends with 7"):
        read_pages([items(9, 8, 7), items()], {"pagination": {"style": "keyset", "order": "ascending"}})


NOTHING_AND_ERRORS = {"data": {"users": None}, "errors": [{"message": "upstream timeout"}]}
NUMBERED = {"items": "data.users", "pagination": {"style": "page_number"}}


@pytest.mark.parametrize("page", [NOTHING_AND_ERRORS, {"errors": [{"message": "upstream timeout"}]}])
def test_no_items_beside_errors_are_no_empty_page_and_the_answer_is_quoted(page: dict[str, Any]) -> None:
    with pytest.raises(SourceRefused, match=r"(null|nothing) where its items should be .*upstream timeout"):
        read_pages([page], NUMBERED)


@pytest.mark.parametrize("errors", [[], None])
def test_errors_that_are_none_do_not_count(errors: Any) -> None:
    pages = [{"data": {"users": [{"id": 1}]}, "errors": errors}, {"data": {"users": None}, "errors": errors}]
    assert read_pages(pages, {**NUMBERED, "error": "errors"})[0] == [1]


@pytest.mark.parametrize("users", [None, [{"id": 2}]])
def test_a_declared_error_in_a_success_is_a_failed_attempt_of_which_nothing_is_taken(users: Any) -> None:
    wrong = {**NOTHING_AND_ERRORS, "data": {"users": users}}
    pages = [{"data": {"users": [{"id": 1}]}}, wrong, {"data": {"users": [{"id": 3}]}}, {"data": {"users": []}}]
    assert read_pages(pages, {**NUMBERED, "error": "errors"})[0] == [1, 3]
    with pytest.raises(
        SourceUnreachable, match=r"in 2 attempts; .*At last: the answer has errors = .*upstream timeout"
    ):
        read_pages([wrong, wrong], {**NUMBERED, "error": "errors", "attempts": 2, "outage_seconds": 0})
