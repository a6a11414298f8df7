"""The answers of POST /api/runs and GET /api/runs/{run_id}, mainly to bad input."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.demo.stack import DEMO_SOURCES
from local.devhost.testing import RunningApp
from local.emulator import Azurite
from tests.app.rehearsal import RUN, first_state
from tests.app_host import ROOT, sluice

Running = tuple[RunningApp, httpx.Client]
INSTANCES = "/runtime/webhooks/durabletask/instances"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Running]:
    """The app without storage; its clients do not retry, which would take seconds."""
    monkeypatch.setattr("ingestion.storage.account._RETRY", {"retry_total": 0})
    with sluice(monkeypatch, tmp_path) as running:
        yield running


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, azurite: Azurite, queue_name: str) -> Iterator[Running]:
    """The app with storage, and with a source that does not answer and gets one request."""
    sources = tmp_path / "sources.toml"
    sources.write_text((ROOT / DEMO_SOURCES).read_text().replace("[demo]", "[demo]\nattempts = 1", 1))
    with sluice(
        monkeypatch,
        tmp_path,
        AzureWebJobsStorage=azurite.connection_string,
        SLUICE_QUEUE=queue_name,
        SLUICE_CONTAINER=queue_name,
        SLUICE_SOURCES=str(sources),
    ) as running:
        yield running
        running[0].rest()  # an activity that is still at work would open storage again after it was closed


LONG = 1_000_000
BAD_BODIES: list[tuple[Any, str, str]] = [
    (b"source=demo", "(body)", "a JSON object"),
    (b"", "(body)", "a JSON object"),
    (["demo"], "(body)", "a JSON object"),
    ({}, "source", "required"),
    ({"source": 7}, "source", "valid string"),
    ({"source": "demo", "chunks": 3}, "chunks", "source, run_id, chunk_size"),
    ({"source": "demo", "tolerated_failures": "many"}, "tolerated_failures", "percentage"),
    ({"source": "demo", "tolerated_failures": 10}, "tolerated_failures", 'such as "1%"'),
    ({"source": "demo", "total_is_exact": "yes"}, "total_is_exact", "valid boolean"),
    ({"source": "demo", "chunk_size": 0}, "chunk_size", "greater than or equal to 1"),
    ({"source": "demo", "chunk_size": 50_001}, "chunk_size", "less than or equal to 50000"),
    ({"source": "demo", "chunk_size": "5000"}, "chunk_size", "valid integer"),
    ({"source": "demo", "chunk_size": 2.5}, "chunk_size", "valid integer"),
    ({"source": "demo", "chunk_size": True}, "chunk_size", "valid integer"),
    ({"source": "demo", "run_id": ""}, "run_id", "letters"),
    ({"source": "demo", "run_id": "a/b"}, "run_id", "letters"),
    ({"source": "demo", "run_id": "ü"}, "run_id", "letters"),
    ({"source": "demo", "run_id": "a b"}, "run_id", "letters"),
    ({"source": "demo", "run_id": "good\n"}, "run_id", "letters"),
    ({"source": "demo", "run_id": "@x"}, "run_id", "letters"),
    ({"source": "demo", "run_id": "x" * 65}, "run_id", "64"),
    ({"source": "demo", "run_id": 5}, "run_id", "valid string"),
    (b"[" * 100_000, "(body)", "a JSON object"),
    ({"source": "x" * LONG}, "source", "at most 200 characters"),
    ({"source": "demo", "tolerated_failures": "x" * LONG}, "tolerated_failures", "percentage"),
    ({"source": "demo", "x" * LONG: 1}, "x" * 200, "source, run_id"),
    (rb'{"source": "demo", "a\ud800": 1}', r"a\ud800", "source, run_id"),
]


def test_bad_input_is_refused_with_the_field_and_the_problem_and_starts_nothing(served: Running) -> None:
    app, http = served
    for body, field, said in BAD_BODIES:
        sent = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = http.post("/api/runs", **sent)
        assert answer.status_code == 400, (body, answer.text)
        assert len(answer.text) < 600, "an error repeats at most 200 characters of its input"
        error = answer.json()
        assert error["field"] == field, (body, error)
        assert said in f"{error['detail']} {error.get('allowed', '')}", (body, error)

    assert http.get(INSTANCES).json() == []
    assert [line for line in app.lines if "error" in line.lower()] == []


def test_an_unknown_source_is_not_found_and_the_known_ones_are_named(served: Running) -> None:
    _, http = served
    answer = http.post("/api/runs", json={"source": "dmeo"})
    assert answer.status_code == 404
    assert answer.json()["field"] == "source"
    assert "demo" in answer.json()["allowed"]
    assert http.get(INSTANCES).json() == []


def test_a_started_run_answers_202_with_the_urls_to_follow_it(stored: Running) -> None:
    _, http = stored
    answer = http.post("/api/runs", json={"source": "demo", "run_id": "orders-2026"})
    urls = answer.json()
    assert (answer.status_code, urls["id"]) == (202, "orders-2026")
    assert answer.headers["Location"] == urls["statusQueryGetUri"]
    assert int(answer.headers["Retry-After"]) > 0
    actions = ("sendEventPost", "terminatePost", "suspendPost", "resumePost", "purgeHistoryDelete")
    assert {f"{action}Uri" for action in actions} <= {*urls}
    assert http.get(urls["statusQueryGetUri"]).json()["instanceId"] == "orders-2026"


def test_the_same_start_twice_is_one_run_with_the_same_urls(stored: Running) -> None:
    app, http = stored
    body = {"source": "demo", "run_id": "orders", "tolerated_failures": "5%"}
    first, second = http.post("/api/runs", json=body), http.post("/api/runs", json=body)
    app.wait("orders")
    third = http.post("/api/runs", json=body)

    assert (first.status_code, third.status_code) == (202, 200)
    assert first.json() == second.json() == third.json()
    assert len(http.get(INSTANCES).json()) == 1


@pytest.mark.parametrize(
    ("field", "value"), [("chunk_size", 7), ("tolerated_failures", "3%"), ("total_is_exact", True)]
)
def test_another_start_under_a_used_run_id_is_refused_with_the_difference(
    stored: Running, field: str, value: object
) -> None:
    _, http = stored
    assert http.post("/api/runs", json={"source": "demo", "run_id": "orders"}).status_code == 202
    answer = http.post("/api/runs", json={"source": "demo", "run_id": "orders", field: value})
    assert answer.status_code == 409
    assert answer.json()["field"] == field


@pytest.mark.parametrize("key", ["orders-7", "the 7th of /orders"])
def test_an_idempotency_key_can_replace_a_run_id(stored: Running, key: str) -> None:
    _, http = stored
    answers = [http.post("/api/runs", json={"source": "demo"}, headers={"Idempotency-Key": key}) for _ in range(2)]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (answers[0].json()["id"] == key) == (key == "orders-7")


def test_an_idempotency_key_that_is_no_utf_8_is_refused_with_the_field(served: Running) -> None:
    _, http = served
    answer = http.post("/api/runs", json={"source": "demo"}, headers=[(b"Idempotency-Key", b"caf\xe9 \xff")])
    assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")


def test_an_idempotency_key_with_a_run_id_must_mean_the_same_run(stored: Running) -> None:
    _, http = stored
    body = {"source": "demo", "run_id": "orders"}
    other = http.post("/api/runs", json=body, headers={"Idempotency-Key": "orders-7"})
    assert (other.status_code, other.json()["field"]) == (400, "Idempotency-Key")
    assert http.post("/api/runs", json=body, headers={"Idempotency-Key": "orders"}).json()["id"] == "orders"


IMPOSSIBLE_IDS = ["orders%3Fx", "orders%23", ".%2E", "%0A", "@x", "x" * 65, "%ED%A0%80"]


def test_an_id_that_no_run_has_or_can_have_names_no_run_on_any_route(stored: Running) -> None:
    app, http = stored
    http.post("/api/runs", json={"source": "demo", "run_id": "orders"})
    app.wait("orders")
    commands = [("POST", f"/{command}") for command in ("pause", "resume", "cancel", "redrive")]
    for run_id in ("nowhere", *IMPOSSIBLE_IDS):
        for method, path in [("GET", ""), ("DELETE", ""), *commands]:
            answer = http.request(method, f"/api/runs/{run_id}{path}")
            assert answer.status_code == 404, (method, run_id, path)
            assert run_id not in ("nowhere", "orders%3Fx") or answer.json()["field"] == "run_id"
    assert http.post("/api/runs/orders/stop").status_code == 404
    assert len(http.get(INSTANCES).json()) == 1


def test_without_storage_nothing_is_started_and_the_answer_says_what_to_check(served: Running) -> None:
    _, http = served
    answer = http.post("/api/runs", json={"source": "demo", "run_id": "no-storage"}, timeout=60)
    assert answer.status_code == 503
    assert "the storage account cannot be reached" in answer.json()["detail"]
    assert "Check AzureWebJobsStorage" in answer.json()["detail"]
    assert http.get(INSTANCES).json() == []


def test_storage_that_dies_after_the_start_ends_the_run_as_failed_with_a_message_a_person_can_act_on(
    served: Running,
) -> None:
    app, http = served
    app.start("ingest_run", first_state(), instance_id=RUN.id)
    app.wait(RUN.id)
    run = http.get(f"/api/runs/{RUN.id}", timeout=60).json()
    assert run["status"] == "failed"
    assert "the storage account cannot be reached" in run["error"]
    assert "Check AzureWebJobsStorage" in run["error"]
    assert "\n" not in run["error"]


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with sluice(monkeypatch, tmp_path, SLUICE_CHUNK_SIZE="many") as (_, http):
        answer = http.post("/api/runs", json={"source": "demo"})
        assert (answer.status_code, answer.json()["field"]) == (400, "SLUICE_CHUNK_SIZE")
