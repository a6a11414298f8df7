"""Pages by position: page number, offset, Range header, window, key of the last item, or a single page."""

import re
from datetime import datetime
from math import ceil
from typing import Any

from aiohttp import web

from local.demo.paging.listing import Listing


def routes(listing: Listing) -> list[web.RouteDef]:
    """Return the routes of this family."""

    def placed(start: int, size: int) -> web.Response:
        if start >= listing.total and start > 0 and listing.end.isdecimal():
            status = int(listing.end)
            return web.Response(status=204) if status == 204 else web.json_response({"error": "past"}, status=status)
        pages = ceil(listing.total / size)
        answer: dict[str, Any] = {
            "items": listing.items(start, start + size), "total": listing.total, "last": start + size >= listing.total,
        }  # fmt: skip
        return web.json_response(answer, headers={"X-Total": str(listing.total), "X-Total-Pages": str(pages)})

    async def page_number(request: web.Request) -> web.Response:
        """Like WordPress, DRF, Jira: after the end an empty page or an error."""
        size = listing.size(request.query.get("per_page"))
        return placed((int(request.query.get("page", 1)) - 1) * size, size)

    async def offset(request: web.Request) -> web.Response:
        """Like ServiceNow, Socrata, Zendesk."""
        return placed(int(request.query.get("offset", 0)), listing.size(request.query.get("limit")))

    async def window(request: web.Request) -> web.Response:
        """Return the items whose number is in `[from, to)`; the page may be empty."""
        start, stop = int(request.query["from"]), int(request.query["to"])
        if stop - start > listing.page_size:
            return web.json_response({"error": "the window is too wide"}, status=400)
        return web.json_response({"items": [item for item in listing.items(start, stop) if item["n"] % 7 < 5]})

    async def ranges(request: web.Request) -> web.Response:
        """Like PostgREST and Heroku: Range in, Content-Range out; `end` may hide the size."""
        asked = re.fullmatch(r"items=(\d+)-(\d+)", request.headers.get("Range", ""))
        if asked is None or listing.end == "whole":
            return web.json_response(listing.items(0, listing.total))
        start, size = int(asked[1]), min(int(asked[2]) - int(asked[1]) + 1, listing.page_size)
        known = "*" if listing.end == "416" else str(listing.total)
        if start >= listing.total:
            return web.json_response({"error": "past"}, status=416, headers={"Content-Range": f"items */{known}"})
        items = listing.items(start, start + size)
        head = {"Content-Range": f"items {start}-{start + len(items) - 1}/{known}"}
        return web.json_response(items, status=206, headers=head)

    async def single(request: web.Request) -> web.Response:
        """Return everything in one page."""
        return web.json_response({"items": listing.items(0, listing.total), "total": listing.total})

    async def keyset(request: web.Request) -> web.Response:
        """Like Stripe: the items after an id; `has_more` shows the end."""
        after = request.query.get("starting_after")
        start = 0 if after is None else listing.position_of(after) + 1
        stop = start + listing.size(request.query.get("limit"))
        return web.json_response({"data": listing.items(start, stop), "has_more": stop < listing.total})

    async def since(request: web.Request) -> web.Response:
        """Like Zendesk's incremental export: the items changed at or after a time, oldest first."""
        moment = datetime.fromisoformat(request.query["since"])
        items = [
            each for each in listing.items(0, listing.total) if datetime.fromisoformat(each["updated_at"]) >= moment
        ]
        size = listing.size(request.query.get("limit"))
        return web.json_response({"items": items[:size], "end_of_stream": len(items) <= size})

    return [
        web.get("/page-number", page_number),
        web.get("/offset", offset),
        web.get("/window", window),
        web.get("/range", ranges),
        web.get("/single", single),
        web.get("/keyset", keyset),
        web.get("/since", since),
    ]
