"""Faults of APIs: cursors that repeat or expire, listings that change meanwhile."""

from collections import Counter
from dataclasses import replace
from typing import Any

from aiohttp import web

from local.demo.paging.listing import Listing, by_token, token


def routes(listing: Listing) -> list[web.RouteDef]:
    """Return the routes of this family; their faults may depend on the number of requests."""
    asked: Counter[str] = Counter()

    async def cycle(request: web.Request) -> web.Response:
        """After the last page comes the cursor of the page `length` pages before it."""
        length = int(request.match_info["length"])
        page = by_token(listing, request.query.get("cursor"))
        last = page.start + listing.page_size
        back = token(max(0, last - length * listing.page_size))
        return replace(page, following=page.following or back).plain()

    async def expiring(request: web.Request) -> web.Response:
        """The cursor of the third page, or of a later one, has expired, once for each `run`; with `always` any has."""
        once = f"expired-{request.query.get('run', '')}"
        if request.query.get("cursor"):
            page = by_token(listing, request.query["cursor"])
            late = page.start >= 2 * listing.page_size and not asked[once]
            if late or "always" in request.query:
                asked[once] += 1
                said = {"error": {"code": "expired_cursor"}}  # a status, a code, or both; or an error under HTTP 200
                return web.json_response(said, status=int(request.match_info["form"]))
        else:
            after = request.query.get("since_id")
            page = by_token(listing, token(listing.position_of(after) + 1) if after else None)
        return page.plain()

    async def drifting(request: web.Request) -> web.Response:
        """Numbered pages, newest first, into which a new item is inserted at the front after each request."""
        new = asked["drifting"]
        asked["drifting"] += 1
        inserted: list[Any] = [{"id": f"new-{n}"} for n in range(new, 0, -1)]
        start = (int(request.query.get("page", 1)) - 1) * listing.page_size
        items = [*inserted, *listing.items(0, listing.total)][start : start + listing.page_size]
        return web.json_response({"items": items})

    async def overlapping(request: web.Request) -> web.Response:
        """Each page begins with the last two items of the page before."""
        start = int(request.query.get("cursor", 0))
        stop = start + listing.page_size
        following = stop - 2 if stop < listing.total else None
        return web.json_response({"items": listing.items(start, stop), "next": following})

    return [
        web.get(r"/trouble/cycle/{length:\d+}", cycle),
        web.get("/trouble/expiring/{form:410|400|404|422|200}", expiring),
        web.get("/trouble/drifting", drifting),
        web.get("/trouble/overlapping", overlapping),
    ]
