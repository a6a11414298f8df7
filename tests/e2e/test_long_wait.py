"""A source that wants to be left alone for two hours is, and nothing runs meanwhile."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ingestion.open_storage import open_storage
from ingestion.run.command import give
from ingestion.run.ledger import Ledger
from ingestion.run.request import read_request, run_of
from ingestion.run.run_state import CANCEL
from ingestion.settings import load_settings
from local.devhost.hub.clock import VirtualClock
from local.devhost.testing import RunningApp
from local.emulator import Azurite
from orchestrators.waiting import LOOK_AFTER
from tests.app_host import sluice

DESCRIPTION = """
[patient]
url = "%SLUICE_PATIENT_URL%"
items = "items"

[patient.pagination]
style = "cursor"
read = "next"
send = "cursor"
"""


@contextmanager
def refusing_source(wait_seconds: int) -> Iterator[tuple[str, list[int]]]:
    """A source of two pages, the second of which is refused once; gives its URL and the statuses that it answered."""
    answered: list[int] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            second = "cursor=" in self.path
            refused = second and 429 not in answered
            body = json.dumps({"items": ["b"]} if second else {"items": ["a"], "next": "2"}).encode()
            answered.append(429 if refused else 200)
            self.send_response(answered[-1])
            if refused:
                self.send_header("Retry-After", str(wait_seconds))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", answered
        server.shutdown()


def under_way(app: RunningApp, run_id: str) -> int:
    """Activities of a run that have been handed out and have not reported."""
    kinds = [event["EventType"] for event in app.history(run_id)]
    return kinds.count(4) - kinds.count(5) - kinds.count(6)  # TaskScheduled, TaskCompleted, TaskFailed


@pytest.fixture
def patient(
    azurite: Azurite, queue_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[RunningApp, list[int]]]:
    """A run that waits for two hours, and what its source has answered."""
    sources = tmp_path / "sources.toml"
    sources.write_text(DESCRIPTION)
    clock = VirtualClock(automatic=False)
    with (
        refusing_source(7200) as (url, answered),
        sluice(
            monkeypatch, tmp_path, clock=clock, AzureWebJobsStorage=azurite.connection_string, SLUICE_QUEUE=queue_name,
            SLUICE_CONTAINER=queue_name, SLUICE_SOURCES=str(sources), SLUICE_PATIENT_URL=url,
        ) as (app, http),
    ):  # fmt: skip
        assert http.post("/api/runs", json={"source": "patient", "run_id": "patient-1"}).status_code == 202
        app.rest()
        yield app, answered


def test_a_two_hour_retry_after_is_a_durable_timer_while_no_activity_runs(
    patient: tuple[RunningApp, list[int]],
) -> None:
    app, answered = patient
    for _ in range(7):
        app.advance(timedelta(minutes=17))  # two hours but a minute
        app.rest()
        assert answered == [200, 429], "not asked again before its time"
        assert under_way(app, "patient-1") == 0
    assert app.wait("patient-1", lambda it: True).status == "Running"
    app.advance(timedelta(minutes=2))
    report = app.result("patient-1")
    assert answered == [200, 429, 200]
    assert (report["outcome"], report["fetched"], report["enqueued"]) == ("completed", 2, 2)


def test_a_cancel_whose_event_was_lost_is_found_by_a_run_that_waits(patient: tuple[RunningApp, list[int]]) -> None:
    app, answered = patient

    async def cancel() -> None:
        container = open_storage(load_settings()).container
        request = await read_request(container, "patient-1")
        assert request is not None
        await give(Ledger(container, run_of(request)), CANCEL)

    app.call(cancel())
    app.advance(LOOK_AFTER)
    assert app.result("patient-1")["outcome"] == "cancelled"
    assert answered == [200, 429]
