"""The demo API: the external HTTP API of a local run, a server of its own that knows nothing of the app.

Where an id begins. `GET /ids?limit=&cursor=` answers one page: `{"items": [{"id": "..."}], "next_cursor": "...",
"total": N}`, where `next_cursor` is null on the last one. The same ids in every other way of paging are under
`/paging/`. `GET /catalogue` streams all ids, one a line, and never misbehaves: it is the truth that a run is checked
against. `GET /stats` counts what was served.
"""

import argparse
import asyncio
import signal
import sys
from collections import Counter

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from local.demo import cursor
from local.demo.catalogue import Catalogue
from local.demo.misbehaviour import failures, latency, throttle, wrapped
from local.demo.paging.library import library
from local.demo.paging.listing import Listing
from local.demo.settings import ApiSettings, add_flags, port_number, settings_from

CATALOGUE_STEP = 10_000


class Api:
    """The handlers, one a route, over one catalogue. A further way of serving it is a handler and a line in `app`."""

    def __init__(self, settings: ApiSettings) -> None:
        self.settings = settings
        self.catalogue = Catalogue(total=settings.ids, seed=settings.seed)
        self.counts: Counter[str] = Counter()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/ids", self._misbehaving(self.serve_page))
        app.router.add_get("/catalogue", self.serve_catalogue)
        app.router.add_get("/stats", self.serve_stats)
        settings = self.settings
        listing = Listing(total=settings.ids, page_size=settings.page_size, seed=settings.seed)
        app.add_subapp("/paging/", library(listing))
        return app

    async def serve_page(self, request: web.Request) -> web.Response:
        """One page from where the cursor points; a larger limit than the page size is cut, as real APIs do."""
        try:
            limit = int(request.query.get("limit", self.settings.page_size))
            start = cursor.position(request.query["cursor"]) if request.query.get("cursor") else 0
        except (ValueError, cursor.BadCursor):
            return web.json_response({"error": "limit must be a number, cursor one that this API gave"}, status=400)
        if limit < 1:
            return web.json_response({"error": "limit must be at least 1"}, status=400)
        stop = min(start + min(limit, self.settings.page_size), self.catalogue.total)
        items = [{"id": name} for name in self.catalogue.ids(start, stop)]
        self.counts["pages"] += 1
        self.counts["items"] += len(items)
        following = cursor.issue(stop) if stop < self.catalogue.total else None
        return web.json_response({"items": items, "next_cursor": following, "total": self.catalogue.total})

    async def serve_catalogue(self, request: web.Request) -> web.StreamResponse:
        """Every id, one a line."""
        response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
        await response.prepare(request)
        for start in range(0, self.catalogue.total, CATALOGUE_STEP):
            lines = "".join(f"{name}\n" for name in self.catalogue.ids(start, start + CATALOGUE_STEP))
            await response.write(lines.encode())
        await response.write_eof()
        return response

    async def serve_stats(self, request: web.Request) -> web.Response:
        """How many pages and items went out, how many requests failed or were throttled."""
        names = ("pages", "items", "failed", "throttled")
        return web.json_response({name: self.counts[name] for name in names})

    def _misbehaving(self, handler: Handler) -> Handler:
        chosen, kinds = self.settings, list[Middleware]()
        if chosen.latency_ms:
            kinds.append(latency(chosen.latency_ms))
        if chosen.throttle:
            kinds.append(throttle(chosen.throttle, tell=self._count))
        if chosen.failure_rate:
            kinds.append(failures(chosen.failure_rate, seed=chosen.seed, tell=self._count))
        return wrapped(handler, kinds)

    def _count(self, kind: str) -> None:
        self.counts[kind] += 1


async def serve(settings: ApiSettings, port: int) -> None:
    """Serve until SIGINT or SIGTERM."""
    runner = web.AppRunner(Api(settings).app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    print(f"demo api ready on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await ended.wait()
    await runner.cleanup()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local.demo.api", description="A paginated API with ids that never change."
    )
    parser.add_argument("--port", type=port_number, default=0, help="0 (the default) takes a free one")
    add_flags(parser)
    arguments = parser.parse_args()
    try:
        asyncio.run(serve(settings_from(parser, arguments), arguments.port))
    except OSError as error:
        print(f"demo API: port {arguments.port} cannot be used: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
