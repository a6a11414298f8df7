"""Transcripts of HTTP functions, keys and the admin API."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from tests.real_host.exchanges import nothing, read, replay
from tests.real_host.host import Host, hosted
from tests.real_host.rows import Row, compare, compare_answers

ROUTE_APPS = ("routes_order", "routes_shapes", "routes_empty_prefix", "routes_prefix", "routes_equal")
_IN_ERROR = re.compile(r"The '\w+' function is in error: .*")
_KEY_KINDS = {"host": "functionkey", "system": "systemkey", "master": "master", "function's own": "ownkey"}
_WRONG = "wrongwrongwrong"


def _routes(app: str) -> list[Row]:
    real = read("routes")[app]
    with hosted(app) as host:
        mapped = [
            [route.template, ",".join(sorted(route.methods)) or "all", route.function.name]
            for route in host.app.host.routes.routes
        ]
        there = [[template, ",".join(sorted(methods.split(","))), name] for template, methods, name in real["mapped"]]
        errors = [[match[0] for line in lines if (match := _IN_ERROR.search(line))] for lines in _logs(real, host)]
        rows = compare("mapped", "order", there, mapped) + compare("in error", "log", *errors)
        return rows + replay(host, real["exchanges"], nothing, key="")


def _logs(real: Mapping[str, Any], host: Host) -> tuple[list[str], list[str]]:
    return real["log_errors"], host.app.lines


def _answers() -> list[Row]:
    exchanges = read("answers")
    with hosted("answers") as host:
        rows = replay(host, [it for it in exchanges if "request" in it], nothing, key="")
        for case, answer in _large(host):
            real = next(it for it in exchanges if it["case"] == case)
            here = {"case": case, **answer, "length": len(answer["body"])}
            rows += compare(case, "answer", real, {key: here.get(key) for key in real})
    return rows


def _large(host: Host) -> Iterator[tuple[str, dict[str, Any]]]:
    def body_seen(answer: dict[str, Any]) -> dict[str, Any]:
        seen = answer["body"]
        return answer | {"body": seen["body"] if isinstance(seen, dict) else seen}

    chunked = {"Transfer-Encoding": "chunked"}
    yield "chunked body", body_seen(host.send_raw("POST", "/api/echo/1", chunked, "4\r\ntext\r\n0\r\n\r\n"))
    yield "3 MB body", body_seen(host.send_raw("POST", "/api/echo/1", {}, "x" * 3_000_000))
    yield "105 MB body", host.send_raw("POST", "/api/echo/1", {}, "x" * 105_000_000)
    answer = host.send_raw("GET", "/api/kinds/big", {}, None)
    kept = {name: text for name, text in answer["headers"].items() if name == "content-type"}
    yield "8 MB answer", answer | {"headers": kept}


def _keys() -> list[Row]:
    rows: list[Row] = []
    with hosted("keys") as host:
        for exchange in map(host.marks.level, read("keys")):
            request, headers = exchange["request"], {}
            path, given, place = request["path"], *_key_of(host, exchange["case"])
            if place == "query" or given == _WRONG + "+":
                path += f"code={given}"
            elif place == "header" and given is not None:
                headers = {"x-functions-key": given}
            if exchange["case"].startswith("both"):
                right = host.keys["functionkey"]
                wrong_header = "header wrong" in exchange["case"]
                headers = {"x-functions-key": _WRONG if wrong_header else right}
                path += f"code={right if wrong_header else _WRONG}"
            answer = host.marks.level(host.send_raw(request["method"], path, headers, request.get("body")))
            rows += compare_answers(exchange["case"], _unhurried(exchange["response"]), _unhurried(answer))
    return rows


def _key_of(host: Host, case: str) -> tuple[str | None, str]:
    match = re.search(r": (.+) key, (header|query)$", case)
    if match is None:
        return None, ""
    kind, place = match.groups()
    given = {"none": None, "wrong": _WRONG, "empty": ""}.get(kind, host.keys.get(_KEY_KINDS.get(kind, "")))
    return given, place


def _unhurried(answer: Mapping[str, Any]) -> dict[str, Any]:
    # How far instances that were started a moment before have come is a matter of pace, not of keys.
    body = answer["body"]
    if isinstance(body, list):
        body = [{key: item[key] for key in item if key not in ("runtimeStatus", "output")} for item in body]
    return dict(answer) | {"body": body}


def _admin() -> list[Row]:
    rows: list[Row] = []
    ran: tuple[list[Any], list[Any]] = ([], [])

    def without_schedule(value: Any) -> Any:
        return [it for it in value if it[0] != "often"] if isinstance(value, list) else value

    with hosted("timers") as host:
        for exchange in map(host.marks.level, read("admin")):
            host.app.rest()
            key = "" if exchange["case"] == "invoke, no key" else "master"
            real, here = exchange["response"], host.send(exchange["request"], key=key)
            if exchange["request"]["path"] == "/api/runs":
                real, here = ({**answer, "body": without_schedule(answer["body"])} for answer in (real, here))
            rows += compare_answers(exchange["case"], real, here)
            ran[0].extend(without_schedule(exchange.get("ran", [])))
        host.app.rest()
        seen = host.send({"method": "GET", "path": "/api/runs"})["body"]
        ran[1].extend(it for it in without_schedule(seen) if it[0] != "at_start")
    return rows + compare("all that ran by hand", "ran", *ran)


PARTS: dict[str, Callable[[], list[Row]]] = {
    **{f"routes/{app}": partial(_routes, app) for app in ROUTE_APPS},
    "answers": _answers,
    "keys": _keys,
    "admin": _admin,
}
