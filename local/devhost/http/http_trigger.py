"""The app's HTTP functions: find the function of a request by its route, call it, and answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from multidict import CIMultiDict, MultiMapping

from local.devhost.console import Console
from local.devhost.errors import ActivityError, HostFailure
from local.devhost.http.keys import Keys
from local.devhost.http.routes import RouteTable, decode
from local.devhost.worker.worker import Worker

_HOME_PAGE = (
    b"<!DOCTYPE html><title>devhost</title><p>The app is up. Its functions: <a href='/admin/functions'>list</a>."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTrigger:
    """The app's HTTP functions behind one handler."""

    routes: RouteTable
    worker: Worker
    console: Console
    keys: Keys | None
    client_binding: str  # the JSON of a durable client

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request: 404 without a route, 401 without the key, 500 if the function fails."""
        path = decode(request.rel_url.raw_path)
        if "\0" in path:
            return web.Response(status=400)
        found = self.routes.match(request.method, path)
        if found is None and (request.method, path) == ("GET", "/"):
            return web.Response(body=_HOME_PAGE, headers={"Content-Type": "text/html"})
        if found is None:
            return web.Response(status=404)
        function, route_values = found[0].function, found[1]
        if self.keys is not None and (refused := self.keys.refuse(function, request)) is not None:
            return refused
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=500)
        sent = _read_request(request, route_values, body)
        try:
            given = await self.worker.answer(function, sent, self.client_binding)
            return web.Response(status=given.status, headers=CIMultiDict(given.headers), body=given.body)
        except (ActivityError, HostFailure) as error:
            self.console.error(f"function {function.name} failed: {error}", error.traceback)
        return web.Response(status=500)


def _read_request(request: web.Request, route_values: Mapping[str, str], body: bytes) -> dict[str, Any]:
    path, mark, query = request.raw_path.partition("?")
    path = re.sub("%25(?=[0-9A-Fa-f]{2})", "%", path)
    return {
        "method": request.method,
        "url": f"{request.scheme}://{request.host}{path}{mark}{query}",
        "headers": _join(request.headers),
        "params": _join(CIMultiDict((name, value) for name, value in request.query.items() if value)),
        "route_params": dict(route_values),
        # The real host does not read a body without a length.
        "body": b"" if "Transfer-Encoding" in request.headers else body,
    }


def _join(values: MultiMapping[str]) -> dict[str, str]:
    return {name: ",".join(values.getall(name)) for name in dict.fromkeys(values)}
