"""Situations in which an answer with status 200 is wrong, or has two meanings."""

import json
from typing import Any

from aiohttp import web

from local.benchmarks.gauntlet.pages import CURSOR, PAGES, numbered
from local.benchmarks.gauntlet.situation import PAGE, Answer, Api, asked, situation

CSV = 'format = "csv"\nmessage = "id"\npagination.style = "page_number"\n'
CSV_WHOLE = 'format = "csv"\nmessage = "id"\npagination.style = "none"\n'
NDJSON = 'format = "ndjson"\npagination.style = "page_number"\npagination.end.empty = true\n'
RECORDS = 'items = "items"\npagination.style = "cursor"\npagination.read = "next"\n'
HTML = "<!DOCTYPE html>\n<html><title>Be right back</title></html>"


def csv(items: list[Any], *, header: bool = True) -> str:
    return "\n".join(["id,name"] * header + [f"{item['id']},{item['name']}" for item in items]) + "\n"


def ndjson(items: list[Any]) -> str:
    return "".join(f"{json.dumps(item)}\n" for item in items)


def by_hand(items: list[str], following: int | None) -> str:
    return f'{{"items": [{", ".join(items)}], "next": {json.dumps(following)}}}'


def record(number: int) -> Any:
    return {"id": number, "name": f"order {number}"}


def text(number: int) -> str:
    return str(number)


# 1: an answer that is not a page of its format


@situation(1, "NeverBounce/NeverBounceApi-NodeJS pull 31", CSV, item=record, message=text, cause="no header")
def csv_page_is_an_error(api: Api, request: web.Request) -> Answer:
    start = numbered(api, request)
    return '{"status": "error"}' if start == 2 * PAGE else csv(api.page(start))


@situation(1, "IFRCGo/go-api issue 738", CSV, item=record, message=text)
def csv_page_is_blank_once(api: Api, request: web.Request) -> Answer:
    start = numbered(api, request)
    return "" if api.first_time(start) else csv(api.page(start))


@situation(1, "elastic/elasticsearch pull 59907", CSV, item=record, message=text, cause="header")
def csv_header_on_the_first_page_only(api: Api, request: web.Request) -> Answer:
    start = numbered(api, request)
    return csv(api.page(start), header=not start)


@situation(1, "googleworkspace/cli issue 44", CSV_WHOLE, item=record, message=text, cause="header")
def csv_header_again_in_the_middle(api: Api, request: web.Request) -> Answer:
    return csv(api.page(0)) + csv(api.items[PAGE:])


@situation(1, "mvanhorn/cli-printing-press issue 2621", NDJSON + "outage_seconds = 5", cause="DOCTYPE")
def ndjson_page_is_html(api: Api, request: web.Request) -> Answer:
    start = numbered(api, request)
    return HTML if start == 2 * PAGE else ndjson(api.page(start))


@situation(1, "sanity-io/sanity pull 1787", NDJSON, item=record, message=record, cause="error")
def ndjson_ends_with_an_error(api: Api, request: web.Request) -> Answer:
    start = numbered(api, request)
    if start == 2 * PAGE:
        return ndjson([*api.page(start, 4), {"error": {"description": "Operation timed out"}}])
    return ndjson(api.page(start))


# 8: numbers


def amount(number: int) -> str:
    return f'{{"id": {number}, "amount": 0.123456789012345678, "price": {number}.10, "far": 1e3, "small": -0.0}}'


@situation(8, "trinodb/trino issue 28867", RECORDS, item=amount, message=amount)
def decimals(api: Api, request: web.Request) -> Answer:
    start = asked(request)
    return by_hand(api.page(start), api.after(start)["next"])


def large(number: int) -> int:
    return 2868860079149422351 + number


@situation(8, "brettlangdon/node-dogapi issue 16", CURSOR, item=lambda number: {"id": large(number)}, message=large)
def ids_beyond_what_a_double_holds(api: Api, request: web.Request) -> Answer:
    return api.after(asked(request))


# 9: an answer that is incomplete, or not in the format


@situation(9, "Adyen/adyen-java-api-library issue 1167", CURSOR)
def maintenance_page_once(api: Api, request: web.Request) -> Answer:
    if api.first_time(asked(request)):
        return web.Response(text=HTML, content_type="text/html")
    return api.after(asked(request))


@situation(9, "singer-io/tap-intercom pull 66", CURSOR)
def empty_body_once(api: Api, request: web.Request) -> Answer:
    return "" if api.first_time(asked(request)) else api.after(asked(request))


@situation(9, "lidofinance/lido-keys-api issue 367", CURSOR)
def cut_in_the_middle_once(api: Api, request: web.Request) -> Answer:
    whole = json.dumps(api.after(asked(request)))
    return whole[: len(whole) // 2] if api.first_time(asked(request)) else whole


@situation(9, "brian7704/OpenTAKServer issue 291", CURSOR, cause="NaN")
def not_a_number(api: Api, request: web.Request) -> Answer:
    whole = json.dumps(api.after(asked(request)))
    return whole.replace('"total": ', '"total": NaN, "n": ') if asked(request) == 2 * PAGE else whole


@situation(9, "mirage/irmin issue 269", CURSOR, cause="JSON")
def a_comma_too_many(api: Api, request: web.Request) -> Answer:
    whole = json.dumps(api.after(asked(request)))
    return whole.replace("]", ",]") if asked(request) == 2 * PAGE else whole


def accented(number: int) -> Any:
    return {"id": f"café {number}"}


@situation(9, "guzzle/guzzle pull 310", CURSOR, item=accented, message=lambda number: f"café {number}")
def latin_1_as_it_says(api: Api, request: web.Request) -> Answer:
    whole = json.dumps(api.after(asked(request)), ensure_ascii=False)
    return web.Response(body=whole.encode("latin-1"), content_type="application/json", charset="iso-8859-1")


# 11: an answer with two meanings


def twice(number: int) -> str:
    return f'{{"id": {number}, "tag": "first", "tag": "second"}}'


@situation(11, "jqlang/jq issue 1636", RECORDS, item=twice, message=twice, cause="tag")
def a_key_twice_in_an_object(api: Api, request: web.Request) -> Answer:
    start = asked(request)
    return by_hand(api.page(start), api.after(start)["next"])


@situation(11, "python/cpython issue 61739", CSV, item=record, message=text, cause="twice")
def a_column_twice(api: Api, request: web.Request) -> Answer:
    lines = csv(api.page(numbered(api, request))).splitlines()
    return "\n".join([f"{lines[0]},id", *(f"{line},none" for line in lines[1:])]) + "\n"


@situation(11, "mafintosh/csv-parser issue 236", CSV, item=record, message=text, cause="quote")
def a_lone_quote(api: Api, request: web.Request) -> Answer:
    start = numbered(api, request)
    return csv([item | {"name": '5" pipe'} for item in api.page(start, 1)] + api.page(start)[1:])


PAST_THE_END = 'pagination.end.statuses = [404]\npagination.end.codes = ["past_the_end"]'


@situation(11, "transitland/feed-registry issue 281", PAGES + PAST_THE_END, cause="404")
def a_404_that_is_not_the_end(api: Api, request: web.Request) -> Answer:
    start = numbered(api, request)
    if start < api.size and start != 2 * PAGE:
        return {"items": api.page(start)}
    return web.json_response({"code": "no_route" if start < api.size else "past_the_end"}, status=404)


@situation(11, "jqlang/jq issue 1509", PAGES, cause="items")
def the_list_twice_in_a_page(api: Api, request: web.Request) -> Answer:
    items = api.page(numbered(api, request))
    return f'{{"items": {json.dumps(items[:5])}, "items": {json.dumps(items[5:])}}}'
