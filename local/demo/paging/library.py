"""All the paging APIs on one server, each at its own path; `GET /` lists the paths."""

from aiohttp import web

from local.demo.paging import links, positions, tokens, transport, trouble
from local.demo.paging.listing import Listing

FAMILIES = (links, tokens, positions, transport, trouble)


def library(listing: Listing) -> web.Application:
    """An application, to be served on its own or mounted under a prefix."""
    app = web.Application()
    definitions = [route for family in FAMILIES for route in family.routes(listing)]
    app.add_routes(definitions)

    async def index(request: web.Request) -> web.Response:
        return web.json_response([f"{route.method} {route.path}" for route in definitions])

    app.router.add_get("/", index)
    return app
