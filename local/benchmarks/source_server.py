"""A source that costs nothing to wait for, and a blob service that forgets: what is measured is the fetch alone.

`GET /all?ids=N` streams one JSON response with N ids; `GET /pages?page=P&size=S&ids=N` answers a page after
`--latency-ms`. Whatever is PUT is read and confirmed as the blob service does, and never found again; `GET /stored`
tells how many messages that were since it was asked last.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

from aiohttp import web

from local.emulator import Child

ROOT = Path(__file__).parents[2]
BLOCK = 1_000  # ids that are written at once; sizes are multiples of it
STORED = {"ETag": '"0x1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "x-ms-request-server-encrypted": "true"}
MISSING = {"x-ms-error-code": "BlobNotFound"}


def ids(start: int, stop: int) -> list[str]:
    return [f"order-{number:09d}-{number * 2654435761 % 2**32:08x}" for number in range(start, stop)]


def app(latency_seconds: float) -> web.Application:
    block = json.dumps(ids(0, BLOCK))[1:-1].encode()  # the same for each: neither parser nor spool looks for repeats

    stored: Counter[str] = Counter()

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
        await asyncio.sleep(latency_seconds)
        return web.json_response({"items": ids((number - 1) * size, min(number * size, total)), "total": total})

    async def store(request: web.Request) -> web.Response:
        async for piece in request.content.iter_any():
            if "/chunks/" in request.path:
                stored["messages"] += piece.count(b"\n")
        return web.Response(status=201, headers=STORED)

    async def count(request: web.Request) -> web.Response:
        return web.json_response(stored.pop("messages", 0))

    async def missing(request: web.Request) -> web.Response:
        return web.Response(status=404, headers=MISSING)

    served = web.Application(client_max_size=0)
    served.router.add_get("/all", everything, allow_head=False)
    served.router.add_get("/pages", page, allow_head=False)
    served.router.add_get("/stored", count, allow_head=False)
    served.router.add_put("/{blob:.*}", store)
    served.router.add_get("/{blob:.*}", missing, allow_head=False)
    return served


async def serve(latency_seconds: float) -> None:
    runner = web.AppRunner(app(latency_seconds), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"benchmark source ready on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


class SourceServer:
    """The server in a process of its own, for as long as the `with` block lasts."""

    def __init__(self, folder: Path, latency_ms: float) -> None:
        command = [sys.executable, "-m", "local.benchmarks.source_server", "--latency-ms", str(latency_ms)]
        self._child = Child("benchmark source", command, log=folder / "source.log", cwd=ROOT)
        self.url = ""

    def __enter__(self) -> "SourceServer":
        self._child.start()
        self.url = self._child.wait_for_line(r"^benchmark source ready on (\S+)", seconds=30)[1]
        return self

    def __exit__(self, *ending: object) -> None:
        self._child.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.benchmarks.source_server", description="Serves ids.")
    parser.add_argument("--latency-ms", type=float, default=0, help="before each page")
    asyncio.run(serve(parser.parse_args().latency_ms / 1000))


if __name__ == "__main__":
    main()
