"""Tokens for the next page: one or several, in the body or headers, sent back in query, body, headers or variables."""

from typing import Any

from aiohttp import web

from local.demo.paging.listing import Listing, Slice, by_token, read_token, token


def routes(listing: Listing) -> list[web.RouteDef]:
    """Return the routes of this family."""

    async def cursor(request: web.Request) -> web.Response:
        """Like Slack, Google, HubSpot, Crossref; `end` is the form of the last page."""
        start = request.query.get("cursor")
        page = by_token(listing, None if start == "*" else start, request.query.get("limit"))
        if listing.end == "always":  # only an empty page shows the end
            page = Slice(page.items, page.start, token(page.start + len(page.items)))
        more = page.following is not None
        ends: dict[str, Any] = {
            "null": {"next": None}, "empty": {"next": ""}, "text": {"next": "null"},
            "flag": {"next": page.start and token(0)}, "done": {"next": token(0)},
        }  # fmt: skip
        meta = {"next": page.following} if more else ends.get(listing.end, {})
        answer = {"meta": {**meta, "has_more": more, "done": not more, "total": listing.total}, "items": page.items}
        return web.json_response(answer)

    async def cursor_post(request: web.Request) -> web.Response:
        """Like Notion and Square: the rest of the body must not change along the way."""
        body = await request.json()
        if body.get("filter") != {"kind": "order"}:
            return web.json_response({"error": "the filter changed"}, status=400)
        page = by_token(listing, body.get("page", {}).get("start_cursor"), str(body.get("page_size", 10)))
        return web.json_response(
            {"next_cursor": page.following, "results": page.items, "has_more": page.following is not None}
        )

    async def cursor_header(request: web.Request) -> web.Response:
        """Like Cosmos DB: token in, token out, both in headers."""
        page = by_token(listing, request.headers.get("x-continuation"))
        headers = {"X-Continuation": page.following} if page.following else {}
        if not page.following and listing.end == "text":
            headers = {"X-Continuation": "null"}
        return web.json_response({"items": page.items}, headers=headers)

    async def two_headers(request: web.Request) -> web.Response:
        """Like Azure Tables: two tokens, of which the second is missing at some borders."""
        partition, row = request.query.get("NextPartitionKey"), request.query.get("NextRowKey")
        start = int(partition) * 10 + int(row or 0) if partition else 0
        stop = min(start + listing.page_size, listing.total)
        headers = {}
        if stop < listing.total:
            headers = {"x-next-partition": str(stop // 10)} | ({"x-next-row": str(stop % 10)} if stop % 10 else {})
        return web.json_response({"items": listing.items(start, stop)}, headers=headers)

    async def continuation(request: web.Request) -> web.Response:
        """Like MediaWiki: an object that comes back whole; half of it is an error here, lost data there."""
        parts = request.query.get("gapcontinue"), request.query.get("continue")
        if (parts[0] is None) != (parts[1] is None):
            return web.json_response({"error": "half a continuation"}, status=400)
        page = by_token(listing, parts[0])
        answer: dict[str, Any] = {"query": {"pages": page.items}}
        if page.following:
            answer = {"continue": {"gapcontinue": page.following, "continue": f"{page.start}||"}} | answer
        return web.json_response(answer)

    async def cursor_mark(request: web.Request) -> web.Response:
        """Like Solr: at the end the API returns the mark that it got."""
        sent = request.query.get("cursorMark", "*")
        start = 0 if sent == "*" else read_token(sent)[0]
        items = listing.items(start, start + listing.page_size)
        mark = token(start + len(items)) if items else sent
        return web.json_response({"response": {"docs": items}, "nextCursorMark": mark})

    async def search_after(request: web.Request) -> web.Response:
        """Like Elasticsearch: the sort values of the last hit, and a point in time whose id changes with each page."""
        body = await request.json()
        after = body.get("search_after", [-1])[0]
        if body["pit"]["id"] != f"pit-{after}":
            return web.json_response({"error": {"type": "search_context_missing_exception"}}, status=404)
        hits = listing.items(after + 1, after + 1 + listing.size(str(body.get("size", 10))))
        last = hits[-1]["n"] if hits else after
        found = [{"_id": item["id"], "sort": [item["n"]]} for item in hits]
        return web.json_response({"pit_id": f"pit-{last}", "hits": {"hits": found}})

    async def graphql(request: web.Request) -> web.Response:
        """Like GitHub v4 and Shopify, a connection as relay describes it; an error is HTTP 200 without data."""
        body = await request.json()
        if "pageInfo" not in body.get("query", ""):
            return web.json_response({"data": None, "errors": [{"message": "the query asks for no pageInfo"}]})
        variables = body.get("variables", {})
        page = by_token(listing, variables.get("after"), str(variables.get("first", 10)))
        info = {"hasNextPage": page.following is not None, "endCursor": page.following}
        return web.json_response(
            {"data": {"shop": {"orders": {"pageInfo": info, "edges": [{"node": item} for item in page.items]}}}}
        )

    return [
        web.get("/cursor", cursor),
        web.post("/cursor-post", cursor_post),
        web.get("/cursor-header", cursor_header),
        web.get("/two-headers", two_headers),
        web.get("/continue", continuation),
        web.get("/cursor-mark", cursor_mark),
        web.post("/search-after", search_after),
        web.post("/graphql", graphql),
    ]
