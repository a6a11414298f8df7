"""Run an app of the golden data on devhost in real time, and send the requests that the real host got."""

import http.client
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

from local.devhost.hub.clock import RealClock
from local.devhost.testing import RunningApp, running_app
from tests.real_host.marks import Marks
from tests.real_host.rows import APPS

WEBHOOKS = "/runtime/webhooks/durabletask"
FILLED = {"{guid}": "12345678-1234-1234-1234-123456789abc", "{id32}": "123456781234123412341234567890ab"}


@dataclass(frozen=True, slots=True)
class Host:
    """An app on devhost, which needs keys as on the real host."""

    app: RunningApp
    marks: Marks
    keys: Mapping[str, str]

    def send(self, request: Mapping[str, Any], *, key: str = "") -> dict[str, Any]:
        """Send a request of the golden data, with the key of that mark, and return the answer with marks."""
        headers = dict(request.get("headers") or {}) | ({"x-functions-key": self.keys[key]} if key else {})
        answer = self.send_raw(request["method"], request["path"], headers, request.get("body"))
        return answer | {"body": self.marks.level(answer["body"]), "headers": self.marks.level(answer["headers"])}

    def send_raw(self, method: str, path: str, headers: Mapping[str, str], body: str | None) -> dict[str, Any]:
        """Send a request as it is, byte for byte, and return `{status, headers, body}`."""
        for mark, value in FILLED.items():
            path = path.replace(mark, value)
        connection = http.client.HTTPConnection(urlsplit(self.app.url).netloc, timeout=60)
        try:
            connection.putrequest(method, self.marks.fill(path), skip_accept_encoding=True)
            data = None if body is None else body.encode()
            length = {} if data is None or "Transfer-Encoding" in headers else {"Content-Length": str(len(data))}
            for name, value in ({"Accept-Encoding": "identity"} | length | dict(headers)).items():
                connection.putheader(name, value)
            connection.endheaders(data)
            answer = connection.getresponse()
            return read_answer(answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def start(self, name: str, instance_id: str, value: Any = None) -> None:
        """Start an orchestration with the durable HTTP API, as in the transcripts."""
        body = None if value is None else json.dumps(value)
        self.post(f"/orchestrators/{name}/{instance_id}", body)

    def post(self, path: str, body: str | None = None) -> None:
        """Call the durable HTTP API for a step that a transcript does not contain."""
        answer = self.send({"method": "POST", "path": WEBHOOKS + path, "body": body}, key="systemkey")
        assert answer["status"] == 202, (path, answer)

    def status(self, instance_id: str, query: str = "") -> dict[str, Any]:
        """Return the status of an instance, with marks."""
        return self.send({"method": "GET", "path": f"{WEBHOOKS}/instances/{instance_id}{query}"}, key="systemkey")


def read_answer(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return an answer in the form of the golden data, with a JSON body parsed."""
    text = body.decode("utf-8", "replace")
    if "json" in headers.get("content-type", ""):
        try:
            return {"status": status, "headers": dict(headers), "body": json.loads(text)}
        except ValueError:
            pass
    return {"status": status, "headers": dict(headers), "body": text}


@contextmanager
def hosted(
    app: str | Path, environment: Mapping[str, str] | None = None, *, worker_process: bool = False
) -> Iterator[Host]:
    """Run an app of the golden data, or the one in a folder, inside the block."""
    root = APPS / app if isinstance(app, str) else app
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, environment or {}):
        state_file = Path(folder) / "state.db"
        with running_app(
            root, clock=RealClock(), state_file=state_file, enable_auth=True, worker_process=worker_process
        ) as running:
            held = running.host.keys
            assert held is not None
            keys = {"master": held.master, "functionkey": held.host, "systemkey": held.durable}
            if "function" in held.functions:
                keys["ownkey"] = held.functions["function"]
            yield Host(running, Marks.of(running.url, root, **keys), keys)
