"""What is recognised in one answer: the items, their id, the total and what leads on, as documented of real APIs."""

from typing import Any

import pytest

from terminal.recognise import Answer, guesses, shape_of

ITEMS = [{"id": number, "title": "a"} for number in range(11, 31)]

CASES: dict[str, tuple[dict[str, str], Any, dict[str, Any], dict[str, Any]]] = {
    "github": (
        {"link": '<https://api.example/issues?page=2>; rel="next", <https://api.example/issues?page=9>; rel="last"'},
        [{"url": "u", "number": number, "id": number + 1000} for number in range(20)],
        {"items": "", "message": "id"},
        {"style": "link_header"},
    ),
    "stripe": (
        {},
        {"object": "list", "url": "/v1/customers", "has_more": True, "data": [{"id": f"cus_{n}"} for n in range(10)]},
        {"items": "data", "message": "id"},
        {"style": "keyset", "key": "id", "send": "starting_after", "end": {"more": "has_more"}},
    ),
    "odata": (
        {},
        {"@odata.context": "c", "@odata.count": 90, "value": ITEMS, "@odata.nextLink": "https://api.example/u?$skip=20"},
        {"items": "value", "message": "id", "total": ["@odata.count"]},
        {"style": "next_url", "read": ["@odata.nextLink"]},
    ),
    "slack": (
        {},
        {"ok": True, "members": ITEMS, "response_metadata": {"next_cursor": "dXNlcg=="}},
        {"items": "members", "message": "id"},
        {"style": "cursor", "read": "response_metadata.next_cursor", "send": "cursor"},
    ),
    "google": (
        {},
        {"kind": "drive#fileList", "incompleteSearch": False, "files": ITEMS, "nextPageToken": "~!!~"},
        {"items": "files", "message": "id"},
        {"style": "cursor", "read": "nextPageToken", "send": "pageToken"},
    ),
    "hubspot": (
        {},
        {"results": ITEMS, "paging": {"next": {"after": "NTI1Cg%3D%3D", "link": "?after=NTI1Cg%3D%3D"}}},
        {"items": "results", "message": "id"},
        {"style": "next_url", "read": "paging.next.link"},
    ),
    "zendesk": (
        {},
        {"tickets": ITEMS, "next_page": "https://api.example/t.json?page=2", "previous_page": None, "count": 1234},
        {"items": "tickets", "message": "id", "total": "count"},
        {"style": "next_url", "read": "next_page"},
    ),
    "json:api": (
        {},
        {"links": {"self": "/a?p=1", "first": "/a?p=1", "next": "/a?p=2", "last": "/a?p=9"}, "data": ITEMS},
        {"items": "data", "message": "id"},
        {"style": "next_url", "read": "links.next"},
    ),
    "hal": (
        {},
        {"_links": {"self": {"href": "/o?page=1"}, "next": {"href": "/o?page=2"}}, "_embedded": {"orders": ITEMS}},
        {"items": "_embedded.orders", "message": "id"},
        {"style": "next_url", "read": "_links.next.href"},
    ),
    "wordpress": (
        {"x-wp-total": "412", "x-wp-totalpages": "21"},
        ITEMS,
        {"items": "", "message": "id", "total": "header:x-wp-total"},
        {"style": "page_number", "send": "page", "end": {"total_pages": "header:x-wp-totalpages"}},
    ),
    "spring": (
        {},
        {"content": ITEMS, "number": 0, "size": 20, "totalElements": 412, "totalPages": 21, "last": False},
        {"items": "content", "message": "id", "total": "totalElements"},
        {"style": "page_number", "send": "page", "start": 0, "end": {"total_pages": "totalPages"}},
    ),
    "jira": (
        {},
        {"startAt": 0, "maxResults": 20, "total": 412, "issues": [{"key": f"A-{n}", "id": str(n)} for n in range(20)]},
        {"items": "issues", "message": "id", "total": "total"},
        {"style": "offset", "send": "startAt"},
    ),
    "solr": (
        {},
        {"response": {"numFound": 99, "start": 0, "docs": ITEMS}, "nextCursorMark": "AoEpVkRCRg=="},
        {"items": "response.docs", "message": "id", "total": "response.numFound"},
        {"style": "cursor", "read": "nextCursorMark", "send": "cursorMark", "end": {"repeated": True}},
    ),
    "mediawiki": (
        {},
        {"continue": {"gapcontinue": "B", "continue": "gapcontinue||"}, "query": {"pages": ITEMS}},
        {"items": "query.pages", "message": "id"},
        {"style": "cursor", "read": "continue", "send": "query:*"},
    ),
    "elasticsearch": (
        {},
        {"hits": {"total": {"value": 99}, "hits": [{"_id": f"{n}", "_source": {"a": 1}} for n in range(10)]}},
        {"items": "hits.hits", "message": "_id", "total": "hits.total.value"},
        {"style": "page_number", "send": "page"},  # a guess that its second page will disprove
    ),
    "cosmos": (
        {"x-ms-continuation": "token"},
        {"_rid": "r", "Documents": ITEMS, "_count": 20},
        {"items": "Documents", "message": "id"},
        {"style": "cursor", "read": "header:x-ms-continuation", "send": "header:x-ms-continuation"},
    ),
    "relay": (
        {},
        {"orders": {"pageInfo": {"hasNextPage": True, "endCursor": "x"}, "edges": [{"node": {"id": 1}}]}},
        {"items": "orders.edges", "message": "node.id"},
        {"style": "cursor", "read": "orders.pageInfo.endCursor", "send": "after",
         "end": {"more": "orders.pageInfo.hasNextPage"}},
    ),
    "heroku": (
        {"content-range": "id 1..20", "accept-ranges": "id, name"},
        ITEMS,
        {"items": "", "message": "id"},
        {"style": "range_header", "unit": "id"},
    ),
    "one list": ({}, ["a", "b", "c"], {"items": ""}, {"style": "page_number", "send": "page"}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_an_answer_of_each_style_is_recognised(name: str) -> None:
    headers, document, table, pagination = CASES[name]
    answer = Answer(headers, document)
    shape = shape_of(answer)
    assert shape is not None
    assert shape.table == table
    first = next(guesses(answer, shape))
    assert first.table["pagination"] == pagination
    assert {*first.why, *shape.why} == {*table, "pagination"}, "each guess has its reason"


def test_a_list_of_objects_by_a_usual_name_is_taken_for_the_items_before_a_longer_one() -> None:
    document = {"included": [{"x": 1}] * 50, "tags": ["a"] * 99, "data": ITEMS}
    shape = shape_of(Answer({}, document))
    assert shape is not None
    assert shape.table["items"] == "data"
    assert "included" in shape.why["items"]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([{"id": 1, "order_id": 7}, {"id": 1, "order_id": 8}], "order_id"),  # an id that repeats is none
        ([{"id": 1}, {"id": None}], None),
        ([{"id": {"a": 1}}, {"id": {"a": 2}}], None),
        ([{"title": "a"}, {"title": "b"}], None),  # a title may repeat on the next page
        ([{"a": 1, "attributes": {"uuid": "x"}}, {"a": 1, "attributes": {"uuid": "y"}}], "attributes.uuid"),
        ([{"name": "x", "id": 1}, {"name": "y", "id": 2}], "id"),
        ([1, 2, 3], None),
    ],
)
def test_what_names_an_item_is_there_in_each_and_differs_in_all(items: list[Any], message: str | None) -> None:
    shape = shape_of(Answer({}, {"items": items}))
    assert shape is not None
    assert shape.table.get("message") == message


@pytest.mark.parametrize(
    ("around", "total"),
    [
        ({"count": 20}, None),  # that of the page
        ({"count": 21}, "count"),
        ({"total": 20}, "total"),
        ({"total": 3}, None),
        ({"total": True}, None),
        ({"total": "412"}, None),
        ({"count": 500, "meta": {"total": 412}}, "meta.total"),
    ],
)
def test_a_total_is_a_number_of_all_items_and_not_of_the_page(around: dict[str, Any], total: str | None) -> None:
    shape = shape_of(Answer({}, {"items": ITEMS, **around}))
    assert shape is not None
    assert shape.table.get("total") == total


def test_an_answer_that_says_there_is_more_is_never_taken_for_all() -> None:
    for around in ({"total": 99}, {"has_more": True}, {"done": False}, {"total_pages": 3}):
        answer = Answer({}, {"items": ITEMS, **around})
        shape = shape_of(answer)
        assert shape is not None
        assert not [guess for guess in guesses(answer, shape) if guess.ends]


@pytest.mark.parametrize(
    ("around", "end"),
    [
        ({"page": 1, "total_pages": 5}, {"total_pages": "total_pages"}),
        ({"page": 1, "total": 100, "pages": 5}, {"total_pages": "pages"}),
        ({"page": 1, "total": 100, "pages": 3}, None),  # of something else: with it a run would end early
        ({"page": 1, "pages": 3}, None),
    ],
)
def test_a_number_of_pages_is_believed_where_it_can_be_that(around: dict[str, Any], end: dict[str, Any] | None) -> None:
    answer = Answer({}, {"items": ITEMS, **around})
    shape = shape_of(answer)
    assert shape is not None
    assert next(guesses(answer, shape)).table["pagination"].get("end") == end
