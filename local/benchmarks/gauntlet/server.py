"""`python -m local.benchmarks.gauntlet.server --size N`: serve all situations on one port, each under its name."""

import argparse
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from local.benchmarks.gauntlet import bodies, pages
from local.benchmarks.gauntlet.situation import SITUATIONS, Api, Situation
from local.emulator import Server

__all__ = ["bodies", "pages"]  # importing them registers their situations


def application(size: int) -> web.Application:
    app = web.Application()
    app.add_routes([web.get(f"/{situation.name}", handler(situation, size)) for situation in SITUATIONS])
    return app


def handler(situation: Situation, size: int) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return the request handler of a situation."""
    api = Api(situation, size)

    async def answer(request: web.Request) -> web.Response:
        said = situation.answer(api, request)
        match said:
            case web.Response():
                return said
            case str():
                return web.Response(text=said, content_type="application/json")
            case _:
                return web.json_response(said)

    return answer


def gauntlet_server(folder: Path, size: int) -> Server:
    """Return the server as a child process."""
    flags = ["--size", str(size)]
    return Server("gauntlet server", "local.benchmarks.gauntlet.server", *flags, log=folder / "gauntlet-server.log")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, required=True)
    listening = socket.create_server(("127.0.0.1", 0))
    print(f"gauntlet server ready on http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    web.run_app(application(parser.parse_args().size), sock=listening, print=None, access_log=None)
