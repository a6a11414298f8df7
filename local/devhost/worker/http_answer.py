"""Call an HTTP function with a request and read its result, as the Python worker and the real host do."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from azure.functions.http import HttpRequest, HttpResponseConverter

from local.devhost.app.loader import CLIENT, LoadedFunction
from local.devhost.app.signature import RETURN

# These headers describe the connection, not the content; the server writes its own.
_OWN_HEADERS = frozenset({"content-length", "transfer-encoding", "connection"})

Call = Callable[[LoadedFunction, Mapping[str, Any]], Awaitable[Any]]


class Answer(NamedTuple):
    """An HTTP answer as plain data, which a worker process can send."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes | None


async def answer(call: Call, function: LoadedFunction, request: Mapping[str, Any], client_binding: str) -> Answer:
    """Call the function with the parts of a request and the JSON of a durable client."""
    arguments: dict[str, Any] = {}
    for binding in function.bindings:
        if binding.type == CLIENT:
            arguments[binding.name] = client_binding
        elif binding.name != RETURN:
            arguments[binding.name] = HttpRequest(**request, body_type="bytes")
    return _read_result(await call(function, arguments))


def _read_result(result: Any) -> Answer:
    try:
        datum = HttpResponseConverter.encode(result, expected_type=None)
    except NotImplementedError as error:
        kind = type(result).__name__
        raise TypeError(f"an HTTP function returns an HttpResponse or a str, not {kind}") from error
    if datum.type == "string":
        if datum.value.lstrip()[:1] in ("{", "["):
            raise TypeError("the real host interprets a text that is JSON as a response: return an HttpResponse")
        return Answer(200, [("Content-Type", "text/plain; charset=utf-8")], datum.value.encode())
    parts = datum.value
    if parts["cookies"]:
        raise TypeError("devhost sets no cookies: return an HttpResponse without cookies")
    headers = [(name, it.value) for name, it in parts["headers"].items() if name.lower() not in _OWN_HEADERS]
    written = [(name, value) for name, value in headers if value.isascii()]
    if len(written) < len(headers):
        return Answer(500, written, None)
    return Answer(int(parts["status_code"].value), written, parts["body"].value)
