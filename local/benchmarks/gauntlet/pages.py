"""Situations in which each answer is a page, but the order, the end or the number of the items is wrong."""

import uuid
from typing import Any

from aiohttp import web

from local.benchmarks.gauntlet.situation import PAGE, Answer, Api, asked, situation

ID = 'items = "items"\nmessage = "id"\n'
CURSOR = ID + 'pagination.style = "cursor"\npagination.read = "next"\n'
PAGES = ID + 'pagination.style = "page_number"\n'
OFFSET = ID + 'pagination.style = "offset"\n'
SINCE = ID + 'pagination.style = "since"\npagination.key = "at"\npagination.form = "number"\n'
KEYSET = ID + 'pagination.style = "keyset"\npagination.key = "at"\n'
TOTAL = 'total = "total"\n'


def at_second(each: int) -> Any:
    """Return a function that makes items with times; always `each` items have the same second."""
    return lambda number: {"id": number, "at": 1000 + (number - 1) // each}


def numbered(api: Api, request: web.Request) -> int:
    return (asked(request, "page", 1) - 1) * PAGE


def since(api: Api, request: web.Request, *, strictly: bool = False) -> Answer:
    """Return a page of the items at or after a second, sorted by their seconds."""
    least = asked(request, "since") + strictly
    return {"items": [item for item in api.items if item["at"] >= least][:PAGE]}


def keyset(api: Api, request: web.Request) -> Answer:
    """Return a page of the items after a key, sorted by their keys."""
    after = asked(request, "after")
    return {"items": [item for item in api.items if item["at"] > after][:PAGE], "total": api.size}


# 0: the description names a key, or a style, that the API does not have


@situation(0, "PostHog/posthog pull 78129", CURSOR.replace("next", "next_cusor"), cause="next_cusor")
def mistyped_cursor(api: Api, request: web.Request) -> Answer:
    return api.after(asked(request), "next_cursor")


@situation(
    0, "dotnet/arcade pull 2810", 'items = "items"\nmessage = "id"\npagination.style = "link_header"', cause="Link"
)
def no_link_header(api: Api, request: web.Request) -> Answer:
    return api.after(asked(request))


@situation(0, "spring-projects/spring-data-commons issue 2088", PAGES + TOTAL, cause="total")
def pages_counted_from_zero(api: Api, request: web.Request) -> Answer:
    return {"items": api.page(asked(request, "page") * PAGE), "total": api.size}


@situation(0, "pynamodb/PynamoDB issue 1165", CURSOR + TOTAL, cause="total")
def cursor_lost_on_the_way(api: Api, request: web.Request) -> Answer:
    page = api.after(asked(request))
    return page | {"next": None} if asked(request) == 2 * PAGE else page


# 2: the same page again


@situation(2, "Szotasz/marveen issue 947", OFFSET, cause="same items")
def offset_ignored(api: Api, request: web.Request) -> Answer:
    return {"items": api.page(0)}


@situation(2, "NangoHQ/nango-sync issue 20, aws/aws-sdk-php issue 1839", PAGES, cause="same items")
def offset_ignored_and_links_signed_anew(api: Api, request: web.Request) -> Answer:
    return {"items": [item | {"url": f"https://files.example/{item['id']}?sig={uuid.uuid4()}"} for item in api.page(0)]}


@situation(2, "elixirdrops/kerosene issue 54", PAGES + "pagination.end.repeated_page = true")
def last_page_repeated(api: Api, request: web.Request) -> Answer:
    return {"items": api.page(min(numbered(api, request), (api.size - 1) // PAGE * PAGE))}


@situation(2, "gnikyt/Basic-Shopify-API issue 45", CURSOR, cause="same items")
def next_leads_back(api: Api, request: web.Request) -> Answer:
    page = request.query.get("cursor", "0").partition("-")[0]
    return {"items": api.page(int(page)), "next": f"{PAGE if page == '0' else 0}-{uuid.uuid4()}"}


@situation(2, "openclaw/discrawl pull 192", CURSOR + 'pagination.end.more = "more"', cause="more")
def more_without_a_cursor(api: Api, request: web.Request) -> Answer:
    start = asked(request)
    return {"items": api.page(start), "next": PAGE if not start else None, "more": True}


# 3: an error instead of a list, with status 200


@situation(3, "graphql/express-graphql pull 151", CURSOR, cause="null")
def null_beside_an_error(api: Api, request: web.Request) -> Answer:
    if asked(request) == 2 * PAGE:
        return {"items": None, "error": {"code": "internal"}}
    return api.after(asked(request))


@situation(3, "apollographql/apollo-server issue 872", CURSOR, cause="internal")
def null_beside_an_error_at_once(api: Api, request: web.Request) -> Answer:
    return {"items": None, "error": {"code": "internal"}}


@situation(3, "NangoHQ/nango pull 4587", CURSOR + 'success = "ok"')
def not_ok_once(api: Api, request: web.Request) -> Answer:
    if api.first_time(asked(request)):
        return {"ok": False, "error": "internal_error"}
    return api.after(asked(request)) | {"ok": True}


@situation(3, "mvanhorn/cli-printing-press pull 4185", PAGES, cause="error")
def empty_list_beside_an_error(api: Api, request: web.Request) -> Answer:
    start = numbered(api, request)
    return {"items": [], "error": "timed out"} if start == 2 * PAGE else {"items": api.page(start)}


@situation(3, "cli/cli issue 6013", CURSOR + 'error = "errors"')
def part_of_a_page_once(api: Api, request: web.Request) -> Answer:
    page = api.after(asked(request))
    return page | {"items": page["items"][:3], "errors": ["timeout"]} if api.first_time(asked(request)) else page


@situation(3, "elastic/elasticsearch issue 10417", PAGES + 'error = "_shards.failed"')
def a_shard_failed_once(api: Api, request: web.Request) -> Answer:
    start = numbered(api, request)
    failed = api.first_time(start)
    return {"items": [] if failed else api.page(start), "_shards": {"failed": int(failed)}}


# 4: items with the same time


@situation(4, "teambtcmap/btcmap.org pull 1189", SINCE, item=at_second(2 * PAGE), cause="get past")
def a_second_larger_than_a_page(api: Api, request: web.Request) -> Answer:
    return since(api, request)


@situation(4, "supaglue-labs/supaglue issue 585", SINCE + "pagination.overlap = 1", item=at_second(PAGE - 2))
def a_full_page_of_what_is_known(api: Api, request: web.Request) -> Answer:
    return since(api, request)


@situation(4, "NangoHQ/integration-templates pull 647", SINCE, item=at_second(4), cause="since")
def since_that_means_after(api: Api, request: web.Request) -> Answer:
    return since(api, request, strictly=True)


# 5: a list that changes from page to page


@situation(
    5,
    "ohdearquant/khive issue 1671",
    OFFSET + TOTAL + "unique = true\npagination.end.exact_total = true",
    cause="came before",
)
def one_lost_and_one_doubled(api: Api, request: web.Request) -> Answer:
    start = asked(request, "offset")
    items = api.page(start)
    return {"items": [api.items[0], *items[1:]] if start == PAGE else items, "total": api.size}


@situation(5, "invoiceninja/invoiceninja issue 11936", OFFSET + TOTAL, cause="total")
def deleted_while_read(api: Api, request: web.Request) -> Answer:
    left = api.items if asked(request, "offset") == 0 else api.items[1:]
    start = asked(request, "offset")
    return {"items": left[start : start + PAGE], "total": len(left)}


@situation(5, "balanced/balanced-ruby issue 160", OFFSET + 'repeats = "drop"')
def inserted_while_read(api: Api, request: web.Request) -> Answer:
    start = asked(request, "offset")
    return {"items": api.page(start - 2 if start else 0)}


@situation(5, "deltaepsilon/firebase-paginator issue 11", OFFSET + 'repeats = "drop"')
def last_page_filled_up(api: Api, request: web.Request) -> Answer:
    start, page = asked(request, "offset"), PAGE - 1
    return {"items": api.page(min(start, api.size - page), page) if start < api.size else []}


# 6: a key that two items share


@situation(6, "tokio-rs/toasty issue 1141", KEYSET, item=at_second(3), cause="two items")
def key_that_is_not_unique(api: Api, request: web.Request) -> Answer:
    return keyset(api, request)


def one_pair(number: int) -> Any:
    return {"id": number, "at": number - (number == PAGE + 1)}


@situation(6, "Wave-RF/WaveHouse issue 452", KEYSET + TOTAL, item=one_pair, cause="total")
def one_tie_where_a_page_ends(api: Api, request: web.Request) -> Answer:
    return keyset(api, request)


def half_without(number: int) -> Any:
    return {"id": number, "at": number if number <= 2 * PAGE else None}


TWO_KEYS = (
    ID
    + """pagination.style = "cursor"
pagination.read = "item:at"
pagination.send = "after"
pagination.also = [{ read = "item:id", send = "after_id" }]
pagination.end.empty = true
"""
)


@situation(6, "mrahhal/MR.EntityFrameworkCore.KeysetPagination issue 24", TWO_KEYS, item=half_without, cause="item:at")
def key_that_is_null_further_on(api: Api, request: web.Request) -> Answer:
    return {"items": api.page(asked(request, "after_id"))}


# 7: a wrong total


@situation(7, "lens-protocol/api-examples issue 35", OFFSET + TOTAL)
def total_turns_to_zero(api: Api, request: web.Request) -> Answer:
    items = api.page(asked(request, "offset"))
    return {"items": items, "total": api.size if items else 0}


@situation(7, "kyma-incubator/compass issue 719", OFFSET + TOTAL)
def total_is_that_of_the_page(api: Api, request: web.Request) -> Answer:
    items = api.page(asked(request, "offset"))
    return {"items": items, "total": len(items)}


@situation(7, "allenai/s2-folks issue 96", OFFSET + TOTAL, cause="400")
def total_beyond_what_is_given(api: Api, request: web.Request) -> Answer:
    if (start := asked(request, "offset")) < 2 * PAGE:
        return {"items": api.page(start), "total": api.size}
    return web.json_response({"error": "this offset is not available"}, status=400)


# 10: a page without items


@situation(10, "alex9smith/gdelt-doc-api pull 62", PAGES + 'missing = "empty"')
def list_left_out(api: Api, request: web.Request) -> Answer:
    items = api.page(numbered(api, request))
    return {"items": items} if items else {}


@situation(10, "brendanhay/amazonka issue 340", CURSOR)
def empty_page_in_the_middle(api: Api, request: web.Request) -> Answer:
    cursor = request.query.get("cursor", "0")
    if cursor == str(2 * PAGE):
        return {"items": [], "next": f"{cursor}-again"}
    return api.after(int(cursor.partition("-")[0]))


@situation(10, "anskaffelser/eforms-sdk-nor issue 26", PAGES + "outage_seconds = 5", cause="204")
def no_content_in_the_middle(api: Api, request: web.Request) -> Answer:
    start = numbered(api, request)
    return web.Response(status=204) if start == 2 * PAGE else {"items": api.page(start)}


@situation(10, "google/go-github issue 486", PAGES)
def accepted_and_not_ready_once(api: Api, request: web.Request) -> Answer:
    start = numbered(api, request)
    return web.json_response({"items": []}, status=202) if api.first_time(start) else {"items": api.page(start)}


@situation(10, "ohdearquant/khive issue 894", OFFSET + 'pagination.limit = 15\npagination.send_limit = "limit"')
def pages_smaller_than_asked_for(api: Api, request: web.Request) -> Answer:
    return {"items": api.page(asked(request, "offset"))}


@situation(
    10,
    "PostHog/posthog pull 64704",
    CURSOR + 'expiry.statuses = [400]\nexpiry.codes = ["INVALID_CURSOR"]\nexpiry.then = "restart"',
)
def cursor_expires_once(api: Api, request: web.Request) -> Answer:
    if api.first_time(asked(request)):
        return web.json_response({"errors": [{"code": "INVALID_CURSOR"}]}, status=400)
    return api.after(asked(request))


# 12: nothing


@situation(12, "openclaw/notcrawl issue 39", CURSOR + "min_items = 1", cause="min_items")
def nothing_at_all(api: Api, request: web.Request) -> Answer:
    return {"items": [], "next": None}


@situation(12, "planetscale/airbyte-source pull 152", CURSOR, cause="rejected")
def nothing_but_nulls(api: Api, request: web.Request) -> Answer:
    page = api.after(asked(request))
    return page | {"items": [{"id": None, "name": f"order {item['id']}"} for item in page["items"]]}


# 13: a description that changed after the start of the run


def named(number: int) -> Any:
    return {"id": number, "name": f"order {number}"}


@situation(
    13,
    "airbytehq/airbyte issue 32171",
    CURSOR,
    edited=CURSOR.replace('"id"', '"name"'),
    item=named,
    cause="message",
)
def description_edited_while_it_waits(api: Api, request: web.Request) -> Answer:
    if api.first_time(asked(request)):
        return web.json_response({}, status=429, headers={"Retry-After": "20"})
    return api.after(asked(request))
