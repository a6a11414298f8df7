"""The demo API: the HTTP API that a local run reads; a separate server that knows nothing of the app.

`GET /ids?limit=&cursor=` returns one page: `{"items": [{"id": "..."}], "next_cursor": "...",
"total": N}`, where `next_cursor` is null on the last page. `/paging/` has the same ids in every other way of paging.
`GET /catalogue` returns all ids, one per line, and never fails on purpose, because the check reads it.
"""

import argparse
import socket
import sys

from aiohttp import web

from local.demo.misbehaviour import misbehaviour
from local.demo.paging.library import library
from local.demo.paging.listing import Listing, read_token, token
from local.demo.settings import ApiSettings, add_flags, settings_from


def application(settings: ApiSettings) -> web.Application:
    """Return the API as an aiohttp application."""
    listing = Listing(total=settings.ids, page_size=settings.page_size, seed=settings.seed)

    async def page(request: web.Request) -> web.Response:
        """Return the page at the cursor; as in many real APIs, a limit above the page size is cut silently."""
        start, _ = read_token(request.query["cursor"]) if request.query.get("cursor") else (0, False)
        stop = min(start + listing.size(request.query.get("limit")), listing.total)
        items = [{"id": name} for name in listing.ids(start, stop)]
        following = token(stop) if stop < listing.total else None
        return web.json_response({"items": items, "next_cursor": following, "total": listing.total})

    async def catalogue(request: web.Request) -> web.Response:
        """Return every id, one per line."""
        return web.Response(text="\n".join(listing.ids()))

    app = web.Application(middlewares=[misbehaviour(settings)])
    app.add_routes([web.get("/ids", page), web.get("/catalogue", catalogue)])
    app.add_subapp("/paging/", library(listing))
    return app


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local.demo.api", description="A paginated API with ids that never change."
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 (the default) chooses a free one")
    add_flags(parser)
    arguments = parser.parse_args()
    settings = settings_from(parser, arguments)
    try:
        listening = socket.create_server(("127.0.0.1", arguments.port))
    except (OSError, OverflowError) as error:
        print(f"demo API: cannot listen on port {arguments.port} (--port): {error}", file=sys.stderr)
        return 1
    print(f"demo api ready on http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    web.run_app(application(settings), sock=listening, print=None, access_log=None)  # until SIGINT or SIGTERM
    return 0


if __name__ == "__main__":
    sys.exit(main())
