"""The app's HTTP functions: requests and responses as the Python worker and the real host convert them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import azure.functions as func
from aiohttp import web
from azure.functions.decorators.core import BindingDirection
from azure.functions.http import HttpRequest, HttpResponseConverter
from multidict import CIMultiDict, MultiMapping

from devhost.console import Console
from devhost.invocation import CALL_FAILURES, is_stopping, user_traceback
from devhost.keys import Keys
from devhost.loader import CLIENT, LoadedFunction
from devhost.routes import RouteTable
from devhost.signature import RETURN
from devhost.worker import Worker

# These describe the connection, not the content: the server writes its own.
_OWN_HEADERS = frozenset({"content-length", "transfer-encoding", "connection"})


class _Output(func.Out[Any]):
    value: Any = None

    def set(self, val: Any) -> None:
        self.value = val

    def get(self) -> Any:
        return self.value


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
            return _write_response(await self._call(function, sent))
        except CALL_FAILURES as error:
            if is_stopping():
                raise
            self.console.error(f"function {function.name} failed: {error}", user_traceback(error))
        return web.Response(status=500)

    async def _call(self, function: LoadedFunction, request: func.HttpRequest) -> Any:
        arguments: dict[str, Any] = {}
        output: _Output | None = None
        returns = False
        for binding in function.bindings:
            if binding.type == CLIENT:
                arguments[binding.name] = self.client_binding
            elif binding.name == RETURN:
                returns = True
            elif binding.direction == BindingDirection.OUT.value:
                arguments[binding.name] = output = _Output()
            else:
                arguments[binding.name] = request
        result = await self.worker.run(function, arguments)
        if result is not None and not returns:
            raise RuntimeError(f"function {function.name} returned a value, but none of its bindings takes it")
        return output.get() if output and not returns else result


def _read_request(request: web.Request, route_values: Mapping[str, str], body: bytes) -> func.HttpRequest:
    return HttpRequest(
        method=request.method,
        url=f"{request.scheme}://{request.host}{request.raw_path}",
        headers=_join(request.headers),
        params={name: value for name, value in _join(request.query).items() if value},
        route_params=route_values,
        body_type="bytes",
        body=body,
    )


def _join(values: MultiMapping[str]) -> dict[str, str]:
    return {name: ",".join(values.getall(name)) for name in values}


def _write_response(result: Any) -> web.Response:
    try:
        datum = HttpResponseConverter.encode(result, expected_type=None)
    except NotImplementedError as error:
        kind = type(result).__name__
        raise TypeError(f"an HTTP function returns an HttpResponse or a str, not {kind}") from error
    if datum.type == "string":
        return _text_response(datum.value)
    parts = datum.value
    headers = _without_own((name, header.value) for name, header in parts["headers"].items())
    for cookies in parts["cookies"] or ():
        for morsel in cookies.values():
            headers.add("Set-Cookie", morsel.OutputString())
    return web.Response(status=int(parts["status_code"].value), headers=headers, body=parts["body"].value)


def _text_response(text: str) -> web.Response:
    # The host reads a text that is a JSON object with a body as a whole response.
    try:
        described = json.loads(text) if text.lstrip().startswith("{") else {}
    except ValueError:
        described = {}
    if "body" not in described:
        return web.Response(text=text, content_type="text/plain", charset="utf-8")
    body = described["body"]
    is_text = isinstance(body, str)
    headers = _without_own((name, str(value)) for name, value in (described.get("headers") or {}).items())
    headers.setdefault("Content-Type", "text/plain; charset=utf-8" if is_text else "application/json")
    status = int(described.get("statusCode", described.get("status", 200)))
    return web.Response(status=status, headers=headers, body=body.encode() if is_text else json.dumps(body).encode())


def _without_own(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers if name.lower() not in _OWN_HEADERS)
