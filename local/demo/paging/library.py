"""All the paging APIs on one server, each at its own path; `GET /` lists the paths."""

from types import ModuleType

from aiohttp import web

from local.demo.paging import links, positions
from local.demo.paging.listing import Listing

FAMILIES: tuple[ModuleType, ...] = (links, positions)


def library(listing: Listing, families: tuple[ModuleType, ...] = FAMILIES) -> web.Application:
    """Return the application; a caller serves it, or mounts it under a prefix."""
    app = web.Application()
    definitions = [route for family in families for route in family.routes(listing)]
    app.add_routes(definitions)

    async def index(request: web.Request) -> web.Response:
        return web.json_response([f"{route.method} {route.path}" for route in definitions])

    app.router.add_get("/", index)
    return app
