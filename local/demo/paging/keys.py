"""Pages by what the last one ended with: an id, or a time."""

from datetime import datetime

from aiohttp import web

from local.demo.paging.listing import Listing


def routes(listing: Listing) -> list[web.RouteDef]:
    """The routes of this family."""

    async def keyset(request: web.Request) -> web.Response:
        """Like Stripe: what follows the id; `has_more` tells the end."""
        after = request.query.get("starting_after")
        start = 0 if after is None else listing.position_of(after) + 1
        stop = start + listing.size(request.query.get("limit"))
        return web.json_response({"data": listing.items(start, stop), "has_more": stop < listing.total})

    async def since(request: web.Request) -> web.Response:
        """Like Zendesk's incremental export: what was changed at or after a moment, oldest first."""
        moment = datetime.fromisoformat(request.query["since"])
        items = [
            each for each in listing.items(0, listing.total) if datetime.fromisoformat(each["updated_at"]) >= moment
        ]
        size = listing.size(request.query.get("limit"))
        return web.json_response({"items": items[:size], "end_of_stream": len(items) <= size})

    return [web.get("/keyset", keyset), web.get("/since", since)]
