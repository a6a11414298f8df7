"""Apps and host.json files, most of them wrong in one way: does the host start, and what does it serve?

A refusal at the start agrees with the real host if its line says what the real host does.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from local.devhost.errors import DevhostError
from tests.real_host.exchanges import read
from tests.real_host.host import WEBHOOKS, Host, hosted
from tests.real_host.rows import Row, compare

_IN_ERROR = re.compile(r"'([^']+)' function is in error")
# The real host serves it, devhost refuses it: the refusal must name the difference.
_SERVED_THERE = {
    "functions list in host.json": "loads only those in ['ok']",
    "sync durable client": "answers 500 to each call",
}


def _run(of_app: bool) -> list[Row]:
    cases = read("starts")
    plain = cases["plain"]["files"]["function_app.py"]
    chosen = {case: it for case, it in cases.items() if (it["files"].get("function_app.py") != plain) == of_app}
    return [row for case, real in chosen.items() for row in _start(case, real)]


def _start(case: str, real: Mapping[str, Any]) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        files = dict(real["files"])
        environment = files.pop("_env", {})
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        expected = _outcome(case, real)
        try:
            with patch.dict(os.environ, environment), hosted(Path(folder)) as host:
                served = _served(case, real, host) if expected == "serves" else ()
                return [Row(case, "start", expected, "serves"), *served]
        except DevhostError as refusal:
            return [Row(case, "start", expected, expected if expected in str(refusal) else str(refusal))]


def _outcome(case: str, real: Mapping[str, Any]) -> str:
    if case in _SERVED_THERE:
        return _SERVED_THERE[case]
    if real["/admin/functions"] == "ConnectionError":
        return "does not come up"
    if real["/api/ok"][0] == 503:
        return "does not start: every path answers 503"
    return "serves" if real["/admin/functions"][1] else "starts with 0 functions: every path answers 404"


def _served(case: str, real: Mapping[str, Any], host: Host) -> Iterator[Row]:
    for path in real:
        if path.startswith("/api/"):
            answer = host.send({"method": "GET", "path": path})
            yield from compare(case, path, real[path], [answer["status"], answer["body"]])
    answer = host.send({"method": "GET", "path": "/admin/functions"}, key="master")
    names = [it["name"] for it in answer["body"]] if isinstance(answer["body"], list) else answer["body"]
    yield from compare(case, "/admin/functions", real["/admin/functions"], [answer["status"], names])
    host.send({"method": "POST", "path": f"{WEBHOOKS}/orchestrators/hello/hello"}, key="systemkey")
    host.app.rest()
    status = host.status("hello")["body"]
    seen = [status.get(it) for it in ("runtimeStatus", "output", "customStatus")]
    yield from compare(case, "hello", real["hello"], seen)
    yield from compare(case, "hub", real["hub"], [host.app.host.settings.hub_name])
    there = [match[1] for text in real["errors"] if (match := _IN_ERROR.search(text))]
    here = [name for name, _ in [*host.app.host.index.unserved, *host.app.host.routes.in_error]]
    yield from compare(case, "functions in error", sorted(there), sorted(here))


PARTS = {"starts/host.json": partial(_run, False), "starts/app": partial(_run, True)}
