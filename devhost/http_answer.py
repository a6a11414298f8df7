"""Calls an HTTP function with a request and reads what it gave back, as the Python worker and the real host do."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http.cookies import Morsel
from typing import Any, NamedTuple

import azure.functions as func
from azure.functions.decorators.core import BindingDirection
from azure.functions.http import HttpRequest, HttpResponseConverter
from multidict import CIMultiDict

from devhost.loader import CLIENT, LoadedFunction
from devhost.signature import RETURN

# These describe the connection, not the content: the server writes its own.
_OWN_HEADERS = frozenset({"content-length", "transfer-encoding", "connection"})
_TEXT = "text/plain; charset=utf-8"

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
            headers.add("Set-Cookie", _write_cookie(morsel))
    written = [(name, value) for name, value in headers.items() if value.isascii()]
    if len(written) < len(headers):
        return Answer(500, written, None)
    return Answer(int(parts["status_code"].value), written, parts["body"].value)


def _write_cookie(cookie: Morsel[str]) -> str:
    fields = [f"{cookie.key}={cookie.coded_value}"]
    fields += [f"{name}={cookie[name]}" for name in ("expires", "max-age") if cookie[name]]
    fields += [f"{name}={cookie[name]}" for name in ("domain", "path")]
    fields += ["secure"] if cookie["secure"] else []
    fields += [f"samesite={cookie['samesite'].lower()}"] if cookie["samesite"] else []
    return "; ".join([*fields, "httponly"] if cookie["httponly"] else fields)


def _read_text(text: str) -> Answer:
    # The host reads a text that is JSON: an object with a body is a whole response, another one is written anew.
    try:
        read = json.loads(text) if text.lstrip()[:1] in ("{", "[") else None
    except ValueError:
        read = None
    if not isinstance(read, dict) or "body" not in read:
        written = text if read is None else json.dumps(read, indent=2, ensure_ascii=False)
        return Answer(200, [("Content-Type", _TEXT)], written.encode())
    body = read["body"]
    headers = _without_own((name, str(value)) for name, value in (read.get("headers") or {}).items())
    headers.setdefault("Content-Type", _TEXT)
    written = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return Answer(int(read.get("statusCode") or read.get("status") or 200), list(headers.items()), written.encode())


def _without_own(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers if name.lower() not in _OWN_HEADERS)
