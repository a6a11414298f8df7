"""An HTTP request in, an HTTP function called, an HTTP response out.

On the way: the server sends every request here that is none of the host's own. Conversion follows the
Python worker: what a function sees and what a client gets is what they would on the real host.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import azure.functions as func
from aiohttp import web
from azure.functions.decorators.core import BindingDirection
from azure.functions.http import HttpResponseConverter
from azure.functions.meta import Datum
from multidict import CIMultiDict, MultiMapping

from devhost.console import Console
from devhost.invocation import user_traceback
from devhost.keys import Keys
from devhost.loader import CLIENT, LoadedFunction
from devhost.routes import RouteTable
from devhost.signature import RETURN
from devhost.worker import FunctionTimeout, Worker

# These describe the connection, not the content: the server writes its own.
_OWN_HEADERS = frozenset({"content-length", "transfer-encoding", "connection"})


class HttpTrigger:
    """The app's HTTP functions behind one handler."""

    def __init__(
        self,
        *,
        routes: RouteTable,
        worker: Worker,
        console: Console,
        keys: Keys | None,
        client_binding: Callable[[], str],
    ) -> None:
        self._routes = routes
        self._worker = worker
        self._console = console
        self._keys = keys
        self._client_binding = client_binding

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request: 404 without a route, 401 without the key, 500 when the function fails."""
        found = self._routes.match(request.method, request.rel_url.raw_path)
        if found is None:
            return web.Response(status=404)
        function, values = found
        if self._keys is not None and not self._keys.opens(function, request):
            return web.Response(status=401)
        sent = read_request(request, values, await request.read())
        try:
            return write_response(await self._call(function, sent))
        except FunctionTimeout as error:
            self._console.error(str(error))
        except (Exception, SystemExit) as error:
            self._console.error(f"function {function.name} failed: {error}", user_traceback(error))
        return web.Response(status=500)

    async def _call(self, function: LoadedFunction, request: func.HttpRequest) -> Any:
        arguments: dict[str, Any] = {}
        outputs: list[_Output] = []
        returns = False
        for binding in function.bindings:
            if binding.type == CLIENT:
                arguments[binding.name] = self._client_binding()
            elif binding.name == RETURN:
                returns = True
            elif binding.direction == BindingDirection.OUT.value:
                outputs.append(_Output())
                arguments[binding.name] = outputs[-1]
            else:
                arguments[binding.name] = request
        result = await self._worker.run(function, arguments)
        if result is not None and not returns:
            raise RuntimeError(f"function {function.name} returned a value, but none of its bindings takes it")
        return outputs[0].get() if outputs and not returns else result


class _Output(func.Out[Any]):
    def __init__(self) -> None:
        self._value: Any = None

    def set(self, val: Any) -> None:
        self._value = val

    def get(self) -> Any:
        return self._value


def read_request(request: web.Request, route_values: Mapping[str, str], body: bytes) -> func.HttpRequest:
    """Build what the user function receives."""
    from azure.functions.http import HttpRequest

    return HttpRequest(
        method=request.method,
        url=f"{request.scheme}://{request.host}{request.raw_path}",
        headers=_joined(request.headers, str.lower),
        params={name: value for name, value in _joined(request.query, str).items() if value},
        route_params=dict(route_values),
        body_type="bytes",
        body=body,
    )


def _joined(values: MultiMapping[str], key: Callable[[str], str]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in values.items():
        joined[key(name)] = f"{joined[key(name)]},{value}" if key(name) in joined else value
    return joined


def write_response(result: Any) -> web.Response:
    """Turn what the user function returned into the response; what the worker cannot convert raises."""
    try:
        datum = HttpResponseConverter.encode(result, expected_type=None)
    except NotImplementedError as error:
        kind = type(result).__name__
        raise TypeError(f"an HTTP function returns an HttpResponse or a str, not {kind}") from error
    return _text_response(datum.value) if datum.type == "string" else _full_response(datum.value)


def _full_response(parts: Mapping[str, Any]) -> web.Response:
    headers = CIMultiDict(
        (name, header.value) for name, header in parts["headers"].items() if name.lower() not in _OWN_HEADERS
    )
    for cookies in parts["cookies"] or ():
        for morsel in cookies.values():
            headers.add("Set-Cookie", morsel.OutputString())
    body: Datum = parts["body"]
    return web.Response(status=int(parts["status_code"].value), headers=headers, body=body.value)


def _text_response(text: str) -> web.Response:
    # The host reads a text that is a JSON object with a body as a whole response.
    if text.lstrip().startswith("{"):
        try:
            described = json.loads(text)
        except ValueError:
            described = {}
        if "body" in described:
            return _described_response(described)
    return web.Response(text=text, content_type="text/plain", charset="utf-8")


def _described_response(described: Mapping[str, Any]) -> web.Response:
    status = int(described.get("statusCode", described.get("status", HTTPStatus.OK)))
    given = described.get("headers") or {}
    headers = CIMultiDict((name, str(value)) for name, value in given.items() if name.lower() not in _OWN_HEADERS)
    body = described["body"]
    text = body if isinstance(body, str) else json.dumps(body)
    headers.setdefault("Content-Type", "text/plain; charset=utf-8" if isinstance(body, str) else "application/json")
    return web.Response(status=status, headers=headers, body=text.encode())
