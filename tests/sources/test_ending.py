"""How a source ends: the run reports the signal of the end, and ignores no signal that there is more."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from ingestion.errors import SourceRefused
from tests.sources.fake_api import CURSOR, FakeApi, said, source_at
from tests.sources.fake_container import FakeContainer
from tests.sources.reader import Reading, read, reading, refusal


def items(*ids: int, **beside: Any) -> dict[str, Any]:
    return {"items": [{"id": number} for number in ids], **beside}


def numbered(**end: Any) -> dict[str, Any]:
    return {"pagination": {"style": "page_number", "end": end}}


@pytest.mark.parametrize(
    ("pages", "style", "ended"),
    [
        ([items(1, next="/?page=2"), items(2, nextt="/?page=3")], "next_url", "no address at next"),
        ([*(items(number) for number in range(25)), items()], "page_number", "a page without items"),
    ],
)
def test_the_last_batch_names_the_signal_that_ended_the_source(pages: list[Any], style: str, ended: str) -> None:
    messages, run = read(FakeApi(*pages), {"pagination": {"style": style}})
    assert (len(messages), run.batches[-1].ended) == (sum(len(page["items"]) for page in pages), ended)


@pytest.mark.parametrize(
    ("style", "looked_for"),
    [
        ({"style": "cursor", "read": "meta.next_cusor"}, "no cursor at meta.next_cusor"),
        ({"style": "cursor", "read": "header:X-Nxt"}, "no cursor at header:X-Nxt"),
        ({"style": "next_url", "read": "nxt"}, "no address at nxt"),
        ({"style": "link_header"}, 'no Link header with rel="next"'),
        ({"style": "range_header"}, "a whole answer .HTTP 200 without Content-Range"),
    ],
)
def test_a_first_page_without_the_key_that_leads_on_is_no_end_unless_something_else_says_so(
    style: dict[str, Any], looked_for: str
) -> None:
    page = items(1, 2, meta={"next_cursor": "c"}, total=2)
    saw = "has 2 items, these keys: items, meta, meta.next_cursor, total, and these headers: .*content-type"
    _, run = refusal(FakeApi(page), {"pagination": style}, f"{looked_for}.*{saw}.*end.one_page = true")
    assert not run.taken
    refusal(FakeApi({**page, "total": 20}), {"pagination": style, "total": "total"}, looked_for)
    assert read(FakeApi(page), {"pagination": style, "total": "total"})[0] == [1, 2]
    saw_no_total = f"no number at total = meta.count and {looked_for}.*Check total first"
    refusal(FakeApi(page), {"pagination": style, "total": "meta.count"}, saw_no_total)
    assert read(FakeApi(page), {"pagination": {**style, "end": {"one_page": True}}})[0] == [1, 2]
    assert read(FakeApi(items()), {"pagination": style})[0] == []


def test_a_later_run_believes_a_first_page_without_a_key_that_an_earlier_run_with_the_same_description_has_seen() -> (
    None
):
    async def read_twice(**changed: Any) -> list[Any]:
        async with reading(FakeApi(items(1, next=1), items(2)), {"pagination": CURSOR}) as run:
            assert await run.all() == [1, 2]
            kept = {name: blob for name, blob in run.container.blobs.items() if name.startswith("sources/")}
            assert list(kept) == ["sources/test"]
            source = source_at(run.source.url, pagination=CURSOR, message="id", **changed)
            return await Reading(source, run.http, FakeContainer(kept)).all()

    assert asyncio.run(read_twice(throttle={"requests_per_second": 100}, attempts=2)) == [2]
    with pytest.raises(SourceRefused, match="no run with this description has seen one"):
        asyncio.run(read_twice(query={"per_page": 100}))


@pytest.mark.parametrize("end", [{"more": "has_more"}, {"done": "done"}, {"total_pages": "pages"}])
def test_an_empty_numbered_page_is_not_the_end_while_the_source_says_that_there_is_more(end: dict[str, str]) -> None:
    ids: list[list[int]] = [[1], [], [3], [4]]
    flags = [{"has_more": number < 4, "done": number == 4, "pages": 4} for number in range(1, 5)]
    pages = [items(*some, **beside) for some, beside in zip(ids, flags, strict=True)]
    assert read(FakeApi(*pages), numbered(**end))[0] == [1, 3, 4]


@pytest.mark.parametrize(
    ("style", "said"),
    [
        ({"style": "offset"}, "has no items, so the next page cannot be requested"),
        ({"style": "keyset"}, "has no items, so the next page cannot be requested"),
        ({"style": "since", "form": "number", "key": "id"}, r"has_more is true\), but has no next page"),
    ],
)
def test_an_empty_page_that_says_that_there_is_more_is_refused_where_items_lead_on(style: Any, said: str) -> None:
    pages = [items(1, has_more=True), items(has_more=True)]
    refusal(FakeApi(*pages), {"pagination": {**style, "end": {"more": "has_more"}}}, said)
    assert read(FakeApi(*pages), {"pagination": {**style, "end": {"more": "has_more", "empty": True}}})[0] == [1]


@pytest.mark.parametrize("style", ["cursor", "next_url", "link_header"])
@pytest.mark.parametrize(
    ("end", "said"),
    [
        ({"more": "has_more"}, "has_more is true"),
        ({"done": "done"}, "done is false"),
        ({"total_pages": "pages"}, "pages is 3, and 1 came"),
    ],
)
def test_an_answer_that_promises_more_without_a_next_page_is_refused(
    style: str, end: dict[str, str], said: str
) -> None:
    api = FakeApi(items(1, has_more=True, done=False, pages=3, next=None, next_cursor=None))
    table = {"pagination": {"style": style, "end": end}}
    refusal(api, table, rf"says that more follows \({said}\), but has no next page")


@pytest.mark.parametrize("page", [items(1, done=True), items(1)])
def test_a_flag_that_says_done_or_is_left_out_promises_nothing(page: dict[str, Any]) -> None:
    assert read(FakeApi(page), {"pagination": {"style": "cursor", "end": {"done": "done", "one_page": True}}})[0] == [1]


@pytest.mark.parametrize("max_messages", [1, 1000])
@pytest.mark.parametrize("totals", [[95, 0], [0, 95], [95, None]])
def test_what_a_page_says_of_the_total_is_not_hidden_by_another_page_and_both_are_named(
    totals: list[int | None], max_messages: int
) -> None:
    both = "95, and on another page 0" if 0 in totals else "95"
    pages = [items(number, total=total) for number, total in enumerate([*totals, None])]
    table: dict[str, Any] = {**numbered(), "total": "total"}
    _, run = read(FakeApi(*pages, items()), table, max_messages=max_messages)
    assert run.batches[-1].source_total == 95
    assert both in f"{run.batches[-1].ended} 95"
    table |= numbered(exact_total=True)
    refusal(FakeApi(*pages, items()), table, f"after 3 items, but says that it has {both}$", max_messages=max_messages)
    table |= numbered(total=True)
    assert len(read(FakeApi(*pages, items()), table, max_messages=max_messages)[0]) == 3


@pytest.mark.parametrize("end", [{"total": True}, {"exact_total": True}])
def test_items_that_come_again_by_overlap_do_not_count_towards_the_total(end: dict[str, bool]) -> None:
    pages = [items(*ids, total=5) for ids in ([1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5])]
    style = {"style": "since", "form": "number", "key": "id", "overlap": 1, "end": end}
    assert read(FakeApi(*pages), {"pagination": style, "total": "total"})[0] == [1, 2, 3, 4, 5]
    given = {"pagination": style, "total": "total", "min_items": 6}
    refusal(FakeApi(*pages), given, "after 5 items, and min_items is 6")


@pytest.mark.parametrize("max_messages", [20, 10_000])
@pytest.mark.parametrize(
    ("seconds", "tied"),
    [
        ([n // 30 for n in range(500)], False),  # the overlap alone fills a page
        ([n // 30 for n in range(45)], False),  # all of the source is within the overlap
        ([7], False),
        ([7] * 50, True),
        ([7] * 200, True),
        ([*range(100), *[100] * 200, *range(101, 200)], True),
    ],
)
def test_a_full_page_with_nothing_new_is_not_the_end_of_since(
    seconds: list[int], tied: bool, max_messages: int
) -> None:
    rows = [{"id": number, "at": second} for number, second in enumerate(seconds)]

    def page(request: web.Request) -> Any:
        return {"items": [row for row in rows if row["at"] >= int(request.query["since"])][:50]}

    since = {"style": "since", "form": "number", "key": "at", "overlap": 2, "limit": 500, "send_limit": "limit"}
    if len(rows) == 50:  # it may be all or not
        one_page = {"pagination": {**since, "end": {"one_page": True}}}
        assert read(FakeApi(page), one_page, max_messages=max_messages)[0] == list(range(50))
    if tied:
        refusal(FakeApi(page), {"pagination": since}, "a full page of 50 does not get past", max_messages=max_messages)
    else:
        assert read(FakeApi(page), {"pagination": since}, max_messages=max_messages)[0] == list(range(len(rows)))


def test_an_item_without_the_key_that_leads_on_is_not_the_end_where_an_empty_page_is() -> None:
    rows = [{"id": number, "at": number if number < 4 else None} for number in range(8)]
    also = [{"read": "item:id", "send": "after_id"}]
    style: dict[str, Any] = {"style": "cursor", "read": "item:at", "send": "after", "also": also}

    def page(request: web.Request) -> Any:
        return {"items": rows[int(request.query.get("after_id", -1)) + 1 :][:3]}

    refusal(FakeApi(page), {"pagination": {**style, "end": {"empty": True}}}, "nothing at item:at")
    assert read(FakeApi(page), {"pagination": style})[0] == list(range(6)), "a chain of items ends with one without"


@pytest.mark.parametrize("max_messages", [5, 10_000])
def test_a_source_that_gives_only_what_is_after_the_latest_moment_loses_nothing_silently(max_messages: int) -> None:
    rows = [{"id": number, "at": number // 4} for number in range(50)]

    def page(request: web.Request) -> Any:
        return {"items": [row for row in rows if row["at"] > int(request.query["since"])][:10]}

    since = {"style": "since", "form": "number", "key": "at", "start": -2}
    table: dict[str, Any] = {"pagination": since}
    refusal(FakeApi(page), table, "only items after 'since'.*Set overlap", max_messages=max_messages)
    since["overlap"] = 1
    assert read(FakeApi(page), table, max_messages=max_messages)[0] == list(range(50))


@pytest.mark.parametrize("max_messages", [1, 1000])
@pytest.mark.parametrize("message", ["id", ""])
@pytest.mark.parametrize(
    ("second", "said"),
    [
        ('{"status": "error"}', "which is no header|begins with"),
        ("<html>Please log in</html>\n<p>\n", "which is no header"),
        ("", "the body is empty"),
        ("2,b\n", "no header with the column 'id'|page 2 begins with '2, b', and the first page had another"),
        ("id\n2\n", "page 2 begins with 'id', and the first page had another header"),
    ],
)
def test_an_answer_that_is_no_page_of_csv_is_never_the_end(
    second: str, said: str, message: str, max_messages: int
) -> None:
    def page(text: str) -> Any:
        return lambda request: web.Response(text=text, content_type="text/csv")

    api = FakeApi(page("id,name\n1,a\n"), page(second))
    table = {**numbered(), "format": "csv", "message": message, "attempts": 2, "outage_seconds": 0}
    refusal(api, table, said, max_messages=max_messages)
    api = FakeApi(page("id,name\n1,a\n"), page("id,name\n2,b\n"), page("id,name\n"))
    assert len(read(api, table, max_messages=max_messages)[0]) == 2


USERS = {"items": "data.users", **numbered()}
WRONG: dict[str, Any] = {"errors": [{"message": "upstream timeout"}]}


def users(*ids: int) -> dict[str, Any]:
    return {"data": {"users": [{"id": number} for number in ids]}}


@pytest.mark.parametrize("page", [{**WRONG, "data": {"users": None}}, WRONG])
def test_no_items_beside_errors_are_no_empty_page_and_the_answer_is_quoted(page: dict[str, Any]) -> None:
    refusal(FakeApi(page), USERS, r"(null|nothing) where its items should be .*upstream timeout")


@pytest.mark.parametrize("errors", [[], None])
def test_empty_error_fields_do_not_count(errors: Any) -> None:
    pages = [{**users(1), "errors": errors}, {"data": {"users": None}, "errors": errors}]
    assert read(FakeApi(*pages), {**USERS, **numbered(empty=True), "error": "errors"})[0] == [1]


@pytest.mark.parametrize("page", [{"items": None, "problem": {"code": 7}}, {"success": False, "items": None}])
@pytest.mark.parametrize("style", ["cursor", "next_url", "page_number", "offset", "keyset"])
@pytest.mark.parametrize("max_messages", [1, 1000])
def test_a_null_where_earlier_pages_had_a_list_is_no_end_unless_the_source_says_so(
    style: str, page: dict[str, Any], max_messages: int
) -> None:
    table: dict[str, Any] = {"style": style}
    lead_on = {"next_cursor": "2", "next": "/?page=2", "last": False}
    evidence = r"page 2 has a null where earlier pages had a list .*\{.*(code.*7|success.*false)"
    refusal(FakeApi(items(1, **lead_on), page), {"pagination": table}, evidence, max_messages=max_messages)
    for end in {"empty": True}, {"done": "last"}:
        pages = items(1, **lead_on), {**page, "last": True}
        assert read(FakeApi(*pages), {"pagination": {**table, "end": end}}, max_messages=max_messages)[0] == [1]


@pytest.mark.parametrize("page", [{}, {"data": {}}, {"data": None}])
def test_a_page_that_leaves_its_list_out_is_refused_or_as_declared_a_page_without_items(page: dict[str, Any]) -> None:
    table = {"items": "data.users", "pagination": CURSOR}
    pages = {**users(1), "next": 2}, {**page, "next": 3}, {**users(3), "next": 4}, page
    refusal(FakeApi(*pages), table, "has nothing where its items should be")
    assert read(FakeApi(*pages), {**table, "missing": "empty"})[0] == [1, 3]
    wrongs: list[dict[str, Any]] = [{"error": {"code": 500}}, WRONG, {"data.users": []}]
    for wrong in wrongs:
        refusal(FakeApi(pages[0], {**page, **wrong}), {**table, "missing": "empty"}, "has nothing where its items")


@pytest.mark.parametrize("flag", [{"ok": False}, {"ok": None}, {"ok": "true"}, {}])
def test_an_answer_without_its_flag_of_success_is_a_failed_attempt_of_which_nothing_is_taken(flag: Any) -> None:
    table = {**numbered(), "success": "ok"}
    assert read(FakeApi(items(1, ok=True), items(2, **flag), items(3, ok=True), items(ok=True)), table)[0] == [1, 3]
    table |= {"attempts": 2, "outage_seconds": 0}
    refusal(FakeApi(items(1, **flag)), table, "the answer has .* where success = 'ok' expects true")


@pytest.mark.parametrize("page", [{**WRONG, "data": {"users": None}}, {**WRONG, **users(2)}])
def test_a_declared_error_in_a_success_is_a_failed_attempt_of_which_nothing_is_taken(page: dict[str, Any]) -> None:
    assert read(FakeApi(users(1), page, users(3), users()), {**USERS, "error": "errors"})[0] == [1, 3]
    table = {**USERS, "error": "errors", "attempts": 2, "outage_seconds": 0}
    refusal(FakeApi(page), table, r"in 2 attempts; .*At last: the answer has errors = .*upstream timeout")


@pytest.mark.parametrize("max_messages", [1, 1000])
@pytest.mark.parametrize(
    ("end", "last"), [({}, items()), ({"statuses": [404]}, said(404)), ({"repeated_page": True}, items(2))]
)
def test_a_source_that_ends_before_its_least_number_of_items_is_refused(end: Any, last: Any, max_messages: int) -> None:
    pages, table = [items(1), items(2), last], numbered(**end)
    refused = r"the source ended \(.+\) after 2 items, and min_items is 3"
    refusal(FakeApi(*pages), {**table, "min_items": 3}, refused, max_messages=max_messages)
    assert read(FakeApi(*pages), {**table, "min_items": 2}, max_messages=max_messages)[0] == [1, 2]
    assert read(FakeApi(items()), numbered())[0] == [], "an empty list is no mistake of a description"


@pytest.mark.parametrize("pages", [1, 3])
def test_a_path_of_items_that_no_page_has_is_no_empty_source_where_the_list_may_be_missing(pages: int) -> None:
    answers = [items(number, next=f"c{number}") for number in range(1, pages)]
    table: dict[str, Any] = {"pagination": CURSOR, "missing": "empty", "items": "itms"}
    api = FakeApi(*answers, items(pages))
    refusal(api, table, "after 0 items, and min_items is 1.*Check the path items, or set min_items = 0")
    assert read(api, {**table, "min_items": 0})[0] == []
    assert read(FakeApi({"meta": {}, "next": "c1"}, items(1)), {**table, "items": "items"})[0] == [1]


@pytest.mark.parametrize("max_messages", [1, 1000])
def test_a_status_with_a_code_is_the_end_only_in_an_answer_that_has_the_code(max_messages: int) -> None:
    table = numbered(statuses=[404, 400], codes=["no_more", "past_end"])
    for end in said(404, {"error": {"code": "past_end"}}), said(400, {"code": "no_more"}):
        assert read(FakeApi(items(1), items(2), end), table, max_messages=max_messages)[0] == [1, 2]
    for other in said(404, {"error": "no such shop"}), said(404), said(403, {"code": "no_more"}):
        said_why = r"page 3 of the source: .* HTTP 4.* set end.statuses = \[40\d\]; else check"
        refusal(FakeApi(items(1), items(2), other), table, said_why, max_messages=max_messages)


@pytest.mark.parametrize("end", [{"codes": ["x"]}, {"codes": ["x"], "statuses": [204]}])
def test_codes_that_no_answer_could_have_are_refused(end: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="of no use"):
        source_at("http://a/", **numbered(**end))
