"""A source that a single handler serves, and one request to it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

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


def source_at(url: URL, settings: dict[str, str] | None = None, **description: Any) -> Source:
    """The source at a URL of a test's server, which gives tokens at /token."""
    table = {"url": str(url), "items": "items", **description}
    if "client_id" in (auth := table.get("auth", {})):
        table["auth"] = {"token_url": str(url.with_path("/token")), **auth}
    return Source.model_validate(table, context=settings)


@asynccontextmanager
async def served(
    app: web.Application, path: str = "/", settings: dict[str, str] | None = None, **description: Any
) -> AsyncIterator[tuple[Source, httpx.AsyncClient]]:
    """A source at one path of a server that lives as long as the block, and an HTTP client for it."""
    async with TestServer(app) as server, http_client(trust_env=False) as http:
        yield source_at(server.make_url(path), settings, **{"pagination": CURSOR, **description}), http


async def ask(page: Handler, settings: dict[str, str] | None = None, **description: Any) -> Any:
    """Return the first page of a source that `page` serves, or raise what its client raises."""
    async with served(app_of(page), settings=settings, **description) as (source, http):
        return await SourceClient(source, http).get(source.base_request())


async def cut_off(request: web.Request, body: bytes) -> web.StreamResponse:
    """Answer with all of `body` but its end, and hang up."""
    answer = web.StreamResponse(headers={"Content-Length": str(len(body))})
    await answer.prepare(request)
    await answer.write(body[:-200])
    assert request.transport is not None
    request.transport.abort()
    return answer
