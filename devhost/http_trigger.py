"""The app's HTTP functions: from a request to the function that its route names, and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from multidict import CIMultiDict, MultiMapping

from devhost.console import Console
from devhost.errors import ActivityError, HostFailure
from devhost.keys import Keys
from devhost.routes import RouteTable
from devhost.worker import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTrigger:
    """The app's HTTP functions behind one handler."""

    routes: RouteTable
    worker: Worker
    console: Console
    keys: Keys | None
    client_binding: str  # what durable clients are made of

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request: 404 without a route, 401 without the key, 500 when the function fails."""
        found = self.routes.match(request.method, request.rel_url.raw_path)
        if found is None:
            return web.Response(status=404)
        function, route_values = found
        if self.keys is not None and not self.keys.opens(function, request):
            return web.Response(status=401)
        sent = _read_request(request, route_values, await request.read())
        try:
            given = await self.worker.answer(function, sent, self.client_binding)
            return web.Response(status=given.status, headers=CIMultiDict(given.headers), body=given.body)
        except (ActivityError, HostFailure) as error:
            self.console.error(f"function {function.name} failed: {error}", error.traceback)
        return web.Response(status=500)


def _read_request(request: web.Request, route_values: Mapping[str, str], body: bytes) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": f"{request.scheme}://{request.host}{request.raw_path}",
        "headers": _join(request.headers),
        "params": {name: value for name, value in _join(request.query).items() if value},
        "route_params": dict(route_values),
        "body": body,
    }


def _join(values: MultiMapping[str]) -> dict[str, str]:
    return {name: ",".join(values.getall(name)) for name in values}
