"""A source that a single handler serves, and one request to it."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from ingestion.source.client import SourceClient
from ingestion.source.description import Source
from ingestion.source.http.exchange import http_client

CURSOR = {"style": "cursor", "read": "next", "send": "cursor"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def app_of(page: Handler, **others: Handler) -> web.Application:
    """An application whose root is `page`; `others` are at the paths of their names."""
    app = web.Application()
    app.router.add_route("*", "/", page)
    for name, handler in others.items():
        app.router.add_route("*", f"/{name}", handler)
    return app


async def ask(page: Handler, settings: dict[str, str] | None = None, **description: Any) -> Any:
    """The first page of a source that `page` serves, or what its client raises."""
    async with TestServer(app_of(page)) as server, http_client(trust_env=False) as http:
        table = {"url": str(server.make_url("/")), "items": "items", "pagination": CURSOR, **description}
        source = Source.model_validate(table)
        return await SourceClient(source, http, environment=settings or {}).get(source.base_request())


async def cut_off(request: web.Request, body: bytes) -> web.StreamResponse:
    """Answer with all of `body` but its end, and hang up."""
    answer = web.StreamResponse(headers={"Content-Length": str(len(body))})
    await answer.prepare(request)
    await answer.write(body[:-200])
    assert request.transport is not None
    request.transport.abort()
    return answer
