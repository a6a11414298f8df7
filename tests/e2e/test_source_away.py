"""A source that is away when a run starts is waited for, and the status says so; in the end it says what to check."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp.test_utils import unused_port

from local.devhost.hub.clock import VirtualClock
from local.devhost.testing import RunningApp
from local.emulator import Azurite
from orchestrators.waiting import EARLY
from tests.app_host import sluice

DESCRIPTION = """
[late]
url = "%SLUICE_LATE_URL%"
items = "items"
attempts = 1
pagination = { style = "none" }
"""


@contextmanager
def source_at(port: int) -> Iterator[None]:
    """A source with two items, as long as the block."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"items": ["a", "b"]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


Late = tuple[RunningApp, httpx.Client, int]


@pytest.fixture
def late(azurite: Azurite, queue_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Late]:
    """A run whose source refused the connection at the first request; the port at which the run asks for it."""
    sources, port = tmp_path / "sources.toml", unused_port()
    sources.write_text(DESCRIPTION)
    with sluice(
        monkeypatch, tmp_path, clock=VirtualClock(automatic=False), AzureWebJobsStorage=azurite.connection_string,
        SLUICE_QUEUE=queue_name, SLUICE_CONTAINER=queue_name, SLUICE_SOURCES=str(sources),
        SLUICE_LATE_URL=f"http://127.0.0.1:{port}/", SLUICE_SOURCE_PATIENCE_SECONDS="600",
    ) as (app, http):  # fmt: skip
        assert http.post("/api/runs", json={"source": "late", "run_id": "late-1"}).status_code == 202
        app.rest()
        yield app, http, port


def look(http: httpx.Client) -> dict[str, Any]:
    run: dict[str, Any] = http.get("/api/runs/late-1").json()
    return run


def test_a_source_that_is_away_at_the_start_is_waited_for_and_the_run_completes_when_it_comes(late: Late) -> None:
    app, http, port = late
    run = look(http)
    assert run["status"] == "waiting"
    told = run["progress"]
    assert (told["waiting_for"], told["reason"], told["attempts"]) == ("outage", "connection refused", 1)
    asked_next, gives_up = (datetime.fromisoformat(told[key]) for key in ("wait_until", "patience_until"))
    assert gives_up - asked_next == pytest.approx(timedelta(seconds=585), abs=timedelta(seconds=2))

    app.advance(timedelta(seconds=16))
    app.rest()
    assert look(http)["progress"]["attempts"] == 2, "asked again, and still away"
    with source_at(port):
        app.advance(timedelta(minutes=5))
        report = app.result("late-1")
    assert (report["outcome"], report["fetched"], report["enqueued"]) == ("completed", 2, 2)
    assert "waiting_for" not in look(http)["progress"]


def test_a_source_that_stays_away_ends_the_run_when_its_patience_is_spent_with_what_to_check(late: Late) -> None:
    app, http, port = late
    gives_up = datetime.fromisoformat(look(http)["progress"]["patience_until"])
    while (run := look(http))["status"] == "waiting":
        assert app.clock.now() < gives_up
        until = datetime.fromisoformat(run["progress"]["wait_until"]) + EARLY
        app.advance(until - app.clock.now())
        app.rest()
    assert app.clock.now() == pytest.approx(gives_up, abs=timedelta(seconds=20))
    assert run["status"] == "failed"
    assert f"http://127.0.0.1:{port}/ has given no page for" in run["error"]
    assert "it may be away for 600 (SLUICE_SOURCE_PATIENCE_SECONDS" in run["error"]
    assert "At last: connection refused. Check the url" in run["error"]

    assert http.post("/api/runs/late-1/redrive").status_code == 202
    app.rest()
    assert look(http)["status"] == "waiting", "a redrive brings the whole patience"
    with source_at(port):
        app.advance(timedelta(seconds=16))
        assert app.result("late-1")["enqueued"] == 2
