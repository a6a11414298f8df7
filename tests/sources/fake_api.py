"""Fake APIs, each for one source: their answers, and their recorded requests."""

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from ingestion.source.client import SourceClient
from ingestion.source.description import Source
from ingestion.source.description.table import filled_in, filled_in_secrets, fingerprint, settings_in
from ingestion.source.http.exchange import http_client
from local.demo.paging.listing import Listing
from tests.sources.apis import every_api

CURSOR = {"style": "cursor", "read": "next", "send": "cursor"}
NONE = {"style": "none"}
SETTINGS = {"KEY": "k-123", "ID": "sluice", "SECRET": "open sesame"}
OAUTH = {"kind": "client_credentials", "client_id": "ID", "client_secret": "SECRET"}
AUTH: dict[str, dict[str, Any]] = {
    "bearer": {"kind": "bearer", "token": "KEY"},
    "header": {"kind": "api_key", "key": "KEY", "header": "X-Api-Key"},
    "query": {"kind": "api_key", "key": "KEY", "query": "api_key"},
    "basic": {"kind": "basic", "user": "ID", "password": "SECRET"},
    "oauth": OAUTH,
}


class FakeApi:
    """Answers with the next of `answers`, and repeats the last one; `others` has answers by path.

    An answer is a document, a status, a response, or a function from a request to one of these.
    """

    path = "/"

    def __init__(self, *answers: Any, **others: Any) -> None:
        others = {"token": {"access_token": "t0ken", "expires_in": 3600}, **others}
        self._answers = {"": list(answers), **{name: [other] for name, other in others.items()}}
        self.asked: list[web.Request] = []  # at its root
        self.times: list[float] = []  # of the run that reads it
        self.now: Callable[[], float] = lambda: 0.0

    def app(self) -> web.Application:
        app = web.Application(client_max_size=10**6)
        app.router.add_route("*", "/{name:.*}", self._respond)
        return app

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if not name:
            self.asked.append(request)
            self.times.append(self.now())
        left = self._answers[name]
        answer = left.pop(0) if len(left) > 1 else left[0]
        while callable(answer) or inspect.isawaitable(answer):
            answer = await answer if inspect.isawaitable(answer) else answer(request)
        if isinstance(answer, int):
            return web.json_response({}, status=answer)
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)


class Pages(FakeApi):
    """Ids from 1 to `last`, `size` to a page, by page number or cursor; `instead` may replace an answer.

    `instead` gets the request and the number of ids before its page.
    """

    def __init__(self, last: int = 50, size: int = 10, instead: Callable[..., Any] | None = None, **headers: str):
        super().__init__(self.page)
        self.last, self.size, self.instead, self.headers = last, size, instead, headers

    async def page(self, request: web.Request) -> Any:
        since = int(request.query.get("since_id", 0))
        start = int(request.query.get("cursor", since))
        if "page" in request.query:
            start = (int(request.query["page"]) - 1) * self.size
        other = self.instead(request, start) if self.instead else None
        if inspect.isawaitable(other):
            other = await other
        if other is not None:
            return other
        stop = min(start + self.size, self.last)
        items = [{"id": number} for number in range(start + 1, stop + 1)]
        document = {"items": items, "next": stop if stop < self.last else None, "total": self.last - since}
        return said(200, document, **self.headers)(request)


class Library:
    """One path of the paging APIs of the demo, and of the faulty ones."""

    def __init__(self, path: str, listing: Listing | None = None, **facts: Any) -> None:
        self.path, self.listing = path, listing or Listing(**facts)

    def app(self) -> web.Application:
        return every_api(self.listing)


Api = FakeApi | Library


def said(status: int, document: Any = None, **headers: str) -> Callable[[web.Request], web.Response]:
    """Return an answer with a status, a document and headers; `Retry_After` is Retry-After."""

    def response(request: web.Request) -> web.Response:
        names = {name.replace("_", "-"): text for name, text in headers.items()}
        return web.json_response({} if document is None else document, status=status, headers=names)

    return response


def source_at(url: URL | str, settings: dict[str, str] | None = None, /, **description: Any) -> Source:
    """Return the source at a URL of a fake API, which issues tokens at /token."""
    table = {"url": str(url), "items": "items", "pagination": CURSOR, **description}
    if "client_id" in (auth := table.get("auth", {})):
        table["auth"] = {"token_url": str(URL(str(url)).with_path("/token")), **auth}
    known = settings or SETTINGS
    named = settings_in(table).keys() <= known.keys()
    source = Source.model_validate(filled_in(table, known) if named else table, context=known)
    source._fingerprint, source._filled_in = fingerprint(table), filled_in_secrets(table, known)
    return source


@asynccontextmanager
async def served(
    api: Api, settings: dict[str, str] | None = None, **description: Any
) -> AsyncIterator[tuple[Source, httpx.AsyncClient]]:
    """Serve the API inside the block; yield the source and an HTTP client."""
    async with TestServer(api.app()) as server, http_client(trust_env=False) as http:
        yield source_at(server.make_url(api.path), settings, **description), http


async def ask(api: Api, settings: dict[str, str] | None = None, **description: Any) -> Any:
    """Return the first page of a source, or raise its client's error."""
    async with served(api, settings, **description) as (source, http):
        return await SourceClient(source, http).get(source.base_request())


async def cut_off(request: web.Request, body: bytes) -> web.StreamResponse:
    """Answer with `body` without its end, and close the connection."""
    answer = web.StreamResponse(headers={"Content-Length": str(len(body))})
    await answer.prepare(request)
    await answer.write(body[:-200])
    hang_up(request)
    return answer


def hang_up(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.abort()
