"""A source that takes no time and a blob service that stores nothing, so that a benchmark measures the fetch alone.

`GET /all?ids=N` streams one JSON response with N ids; `GET /pages?page=P&size=S&ids=N` answers with a page after
`LATENCY_SECONDS`. The server reads each PUT, confirms it as the blob service does, and drops it. `GET /stored` returns
how many messages have come since the previous `GET /stored`.
"""

import asyncio
import json
import socket
from pathlib import Path

from aiohttp import web

from local.emulator import Server

BLOCK = 1_000  # ids in one write; sizes are multiples of it
LATENCY_SECONDS = 0.1
STORED = {"ETag": '"0x1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "x-ms-request-server-encrypted": "true"}
MISSING = {"x-ms-error-code": "BlobNotFound"}


def ids(start: int, stop: int) -> list[str]:
    return [f"order-{number:09d}-{number * 2654435761 % 2**32:08x}" for number in range(start, stop)]


def application() -> web.Application:
    block = json.dumps(ids(0, BLOCK))[1:-1].encode()  # each block has the same ids: parser and spool ignore repeats
    stored = 0

    async def everything(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"items": [')
        for start in range(0, int(request.query["ids"]), BLOCK):
            await response.write((b", " if start else b"") + block)
        await response.write(b'], "next": null}')
        return response

    async def page(request: web.Request) -> web.Response:
        number, size, total = (int(request.query[name]) for name in ("page", "size", "ids"))
        await asyncio.sleep(LATENCY_SECONDS)
        return web.json_response({"items": ids((number - 1) * size, min(number * size, total)), "total": total})

    async def store(request: web.Request) -> web.Response:
        nonlocal stored
        async for piece in request.content.iter_any():
            stored += piece.count(b"\n") if "/chunks/" in request.path else 0
        return web.Response(status=201, headers=STORED)

    async def count(request: web.Request) -> web.Response:
        nonlocal stored
        since_last, stored = stored, 0
        return web.json_response(since_last)

    async def missing(request: web.Request) -> web.Response:
        return web.Response(status=404, headers=MISSING)

    app = web.Application(client_max_size=0)
    app.add_routes([web.get("/all", everything), web.get("/pages", page), web.get("/stored", count)])
    app.add_routes([web.put("/{blob:.*}", store), web.get("/{blob:.*}", missing)])
    return app


def source_server(folder: Path) -> Server:
    """Return the server as a child process."""
    return Server("source server", "local.benchmarks.source_server", log=folder / "source-server.log")


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", 0))
    print(f"source server ready on http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    web.run_app(application(), sock=listening, print=None, access_log=None)
