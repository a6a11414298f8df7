"""A GraphQL connection: the cursor is a variable of the query."""

from aiohttp import web

from local.demo.paging.listing import Listing, by_token


def routes(listing: Listing) -> list[web.RouteDef]:
    """The routes of this family."""

    async def graphql(request: web.Request) -> web.Response:
        """Like GitHub v4 and Shopify: an error is HTTP 200 without data."""
        body = await request.json()
        if "pageInfo" not in body.get("query", ""):
            return web.json_response({"data": None, "errors": [{"message": "the query asks for no pageInfo"}]})
        variables = body.get("variables", {})
        page = by_token(listing, variables.get("after"), listing.size(str(variables.get("first", 10))))
        info = {"hasNextPage": page.following is not None, "endCursor": page.following}
        return web.json_response(
            {"data": {"shop": {"orders": {"pageInfo": info, "edges": [{"node": item} for item in page.items]}}}}
        )

    return [web.post("/graphql", graphql)]
