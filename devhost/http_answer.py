"""Calls an HTTP function with a request and reads what it gave back, as the Python worker and the real host do."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NamedTuple

import azure.functions as func
from azure.functions.decorators.core import BindingDirection
from azure.functions.http import HttpRequest, HttpResponseConverter
from multidict import CIMultiDict

from devhost.loader import CLIENT, LoadedFunction
from devhost.signature import RETURN

# These describe the connection, not the content: the server writes its own.
_OWN_HEADERS = frozenset({"content-length", "transfer-encoding", "connection"})

Call = Callable[[LoadedFunction, Mapping[str, Any]], Awaitable[Any]]


class Answer(NamedTuple):
    """An answer as plain data, which a worker process can send."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes | None


class _Output(func.Out[Any]):
    value: Any = None

    def set(self, val: Any) -> None:
        self.value = val

    def get(self) -> Any:
        return self.value


async def answer(call: Call, function: LoadedFunction, request: Mapping[str, Any], client_binding: str) -> Answer:
    """Call the function with a request, given as its parts, and what durable clients are made of."""
    arguments: dict[str, Any] = {}
    output: _Output | None = None
    returns = False
    for binding in function.bindings:
        if binding.type == CLIENT:
            arguments[binding.name] = client_binding
        elif binding.name == RETURN:
            returns = True
        elif binding.direction == BindingDirection.OUT.value:
            arguments[binding.name] = output = _Output()
        else:
            arguments[binding.name] = HttpRequest(**request, body_type="bytes")
    result = await call(function, arguments)
    if result is not None and not returns:
        raise RuntimeError(f"function {function.name} returned a value, but none of its bindings takes it")
    return _read_result(output.get() if output and not returns else result)


def _read_result(result: Any) -> Answer:
    try:
        datum = HttpResponseConverter.encode(result, expected_type=None)
    except NotImplementedError as error:
        kind = type(result).__name__
        raise TypeError(f"an HTTP function returns an HttpResponse or a str, not {kind}") from error
    if datum.type == "string":
        return _read_text(datum.value)
    parts = datum.value
    headers = _without_own((name, header.value) for name, header in parts["headers"].items())
    for cookies in parts["cookies"] or ():
        for morsel in cookies.values():
            headers.add("Set-Cookie", morsel.OutputString())
    return Answer(int(parts["status_code"].value), list(headers.items()), parts["body"].value)


def _read_text(text: str) -> Answer:
    # The host reads a text that is a JSON object with a body as a whole response.
    try:
        described = json.loads(text) if text.lstrip().startswith("{") else {}
    except ValueError:
        described = {}
    if "body" not in described:
        return Answer(200, [("Content-Type", "text/plain; charset=utf-8")], text.encode())
    body = described["body"]
    is_text = isinstance(body, str)
    headers = _without_own((name, str(value)) for name, value in (described.get("headers") or {}).items())
    headers.setdefault("Content-Type", "text/plain; charset=utf-8" if is_text else "application/json")
    status = int(described.get("statusCode", described.get("status", 200)))
    return Answer(status, list(headers.items()), body.encode() if is_text else json.dumps(body).encode())


def _without_own(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers if name.lower() not in _OWN_HEADERS)
