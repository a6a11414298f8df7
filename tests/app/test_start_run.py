"""POST /api/runs and GET /api/runs/{run_id}: what they answer, above all to bad input."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.testing import RunningApp
from tests.app_host import sluice


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[RunningApp, httpx.Client]]:
    with sluice(monkeypatch, tmp_path) as running:
        yield running


BAD_BODIES: list[tuple[Any, str, str]] = [
    (b"source=demo", "(body)", "a JSON object"),
    (b"", "(body)", "a JSON object"),
    (["demo"], "(body)", "a JSON object"),
    ({}, "source", "a value"),
    ({"source": 7}, "source", "text"),
    ({"source": "demo", "chunks": 3}, "chunks", "source, run_id, chunk_size"),
    ({"source": "demo", "chunk_size": 0}, "chunk_size", "at least 1"),
    ({"source": "demo", "chunk_size": -5}, "chunk_size", "at least 1"),
    ({"source": "demo", "chunk_size": 50_001}, "chunk_size", "at most 50000"),
    ({"source": "demo", "chunk_size": "5000"}, "chunk_size", "a whole number"),
    ({"source": "demo", "chunk_size": 2.5}, "chunk_size", "a whole number"),
    ({"source": "demo", "chunk_size": True}, "chunk_size", "a whole number"),
    ({"source": "demo", "run_id": ""}, "run_id", "letters"),
    ({"source": "demo", "run_id": "a/b"}, "run_id", "letters"),
    ({"source": "demo", "run_id": "ü"}, "run_id", "letters"),
    ({"source": "demo", "run_id": "a b"}, "run_id", "letters"),
    ({"source": "demo", "run_id": "good\n"}, "run_id", "letters"),
    ({"source": "demo", "run_id": "@x"}, "run_id", "letters"),
    ({"source": "demo", "run_id": "x" * 65}, "run_id", "64"),
    ({"source": "demo", "run_id": 5}, "run_id", "text"),
]


def test_bad_input_is_refused_with_the_field_and_what_is_allowed_and_starts_nothing(
    served: tuple[RunningApp, httpx.Client],
) -> None:
    app, http = served
    for body, field, allowed in BAD_BODIES:
        sent = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = http.post("/api/runs", **sent)
        assert answer.status_code == 400, (body, answer.text)
        error = answer.json()["error"]
        assert error["field"] == field, (body, error)
        assert allowed in error["allowed"], (body, error)

    assert http.get("/runtime/webhooks/durabletask/instances").json() == []
    assert [line for line in app.lines if "error" in line.lower()] == []


def test_an_unknown_source_is_not_found_and_the_known_ones_are_named(served: tuple[RunningApp, httpx.Client]) -> None:
    _, http = served
    answer = http.post("/api/runs", json={"source": "dmeo"})
    assert answer.status_code == 404
    assert answer.json()["error"]["field"] == "source"
    assert "demo" in answer.json()["error"]["allowed"]
    assert http.get("/runtime/webhooks/durabletask/instances").json() == []


def test_a_started_run_answers_202_with_the_urls_to_follow_it(served: tuple[RunningApp, httpx.Client]) -> None:
    _, http = served
    answer = http.post("/api/runs", json={"source": "demo", "run_id": "orders-2026"})
    assert answer.status_code == 202
    urls = answer.json()
    assert urls["id"] == "orders-2026"
    assert answer.headers["Location"] == urls["statusQueryGetUri"]
    assert int(answer.headers["Retry-After"]) > 0
    assert {"sendEventPostUri", "terminatePostUri", "suspendPostUri", "resumePostUri", "purgeHistoryDeleteUri"} <= set(
        urls
    )
    assert http.get(urls["statusQueryGetUri"]).json()["instanceId"] == "orders-2026"


def test_a_run_id_is_used_once(served: tuple[RunningApp, httpx.Client]) -> None:
    _, http = served
    assert http.post("/api/runs", json={"source": "demo", "run_id": "orders"}).status_code == 202
    answer = http.post("/api/runs", json={"source": "demo", "run_id": "orders", "chunk_size": 7})
    assert answer.status_code == 409
    assert answer.json()["error"]["field"] == "run_id"


def test_a_run_that_is_not_there_is_not_found(served: tuple[RunningApp, httpx.Client]) -> None:
    _, http = served
    answer = http.get("/api/runs/nowhere")
    assert answer.status_code == 404
    assert answer.json()["error"]["field"] == "run_id"


def test_a_run_without_storage_fails_with_a_message_a_person_can_act_on(
    served: tuple[RunningApp, httpx.Client],
) -> None:
    app, http = served
    http.post("/api/runs", json={"source": "demo", "run_id": "no-storage"})
    app.wait("no-storage")
    run = http.get("/api/runs/no-storage").json()
    assert run["status"] == "failed"
    assert "the storage account cannot be reached" in run["error"]
    assert "Check AzureWebJobsStorage" in run["error"]
    assert "\n" not in run["error"]


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with sluice(monkeypatch, tmp_path, SLUICE_CHUNK_SIZE="many") as (_, http):
        answer = http.post("/api/runs", json={"source": "demo"})
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, "SLUICE_CHUNK_SIZE")
