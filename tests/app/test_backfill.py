"""POST /api/runs with a range and parameters: the start fixes what the run reads; bad input starts nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.storage.blob import ContainerClient

from local.devhost.testing import RunningApp
from local.emulator import Azurite
from tests.app_host import sluice

ORDERS = """
[orders]
url = "http://127.0.0.1:1/{region}/orders"
items = "data"
query = { since = "{from}", until = "{to}" }
attempts = 1
pagination = { style = "none" }
parameters = { region = { allowed = ["eu", "us"], default = "eu" } }
incremental = { carry = "value", key = "updated_at", start = 2024-01-01T00:00:00Z }

[users]
url = "http://127.0.0.1:1/users"
items = "data"
query = { sync = "{from}" }
pagination = { style = "none" }
incremental = { carry = "token", read = "delta" }

[plain]
url = "http://127.0.0.1:1/plain"
items = "data"
attempts = 1
pagination = { style = "none" }
"""

Stored = tuple[RunningApp, httpx.Client, ContainerClient]


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, azurite: Azurite, queue_name: str) -> Iterator[Stored]:
    """The app with storage and with sources that do not answer."""
    sources = tmp_path / "sources.toml"
    sources.write_text(ORDERS)
    settings: dict[str, Any] = {
        "AzureWebJobsStorage": azurite.connection_string,
        "SLUICE_QUEUE": queue_name,
        "SLUICE_CONTAINER": queue_name,
        "SLUICE_SOURCES": str(sources),
    }
    with sluice(monkeypatch, tmp_path, **settings) as (app, http):
        with ContainerClient.from_connection_string(azurite.connection_string, queue_name) as container:
            yield app, http, container
        app.rest()


def request_of(container: ContainerClient, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(container.download_blob(f"runs/{run_id}/request.json").readall())
    return found


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"source": "plain", "from": "2025-01-01"}, "from", "no range"),
        ({"source": "plain", "to": "2025-01-01"}, "to", "no range"),
        ({"source": "users", "from": "2025-01-01"}, "from", "carries a token"),
        ({"source": "plain", "parameters": {"region": "eu"}}, "parameters.region", "none"),
        ({"source": "orders", "from": "soon"}, "from", "2026-11-25T02:00:00Z"),
        ({"source": "orders", "from": ["2025-01-01"]}, "from", "valid string"),
        ({"source": "orders", "from": "2025-01-02", "to": "2025-01-01"}, "to", "empty"),
        ({"source": "orders", "parameters": {"region": "de"}}, "parameters.region", "eu, us"),
        ({"source": "orders", "parameters": {"zone": "1"}}, "parameters.zone", "region"),
        ({"source": "orders", "parameters": {"region": 7}}, "parameters.region", "valid string"),
        ({"source": "orders", "parameters": "eu"}, "parameters", "valid dictionary"),
    ],
)
def test_a_range_or_a_parameter_that_the_source_cannot_have_is_refused_and_starts_nothing(
    stored: Stored, body: dict[str, Any], field: str, said: str
) -> None:
    _, http, container = stored
    answer = http.post("/api/runs", json=body)
    assert answer.status_code == 400, answer.text
    error = answer.json()
    assert error["field"].startswith(field), error
    assert said in f"{error['detail']} {error.get('allowed', '')}", error
    assert not container.exists() or list(container.list_blobs()) == []


def test_the_range_of_a_backfill_is_fixed_at_its_start_and_the_same_request_is_the_same_run(stored: Stored) -> None:
    _, http, container = stored
    body = {
        "source": "orders",
        "run_id": "past",
        "from": "2025-01-01",
        "to": "2025-02-01",
        "parameters": {"region": "us"},
    }
    first, second = http.post("/api/runs", json=body), http.post("/api/runs", json=body)
    other = http.post("/api/runs", json=body | {"to": "2025-03-01"})
    assert (first.status_code, second.status_code) in [(202, 202), (202, 200)]
    assert (other.status_code, other.json()["field"]) == (409, "to")
    assert request_of(container, "past")["reads"] == {
        "since": "2025-01-01T00:00:00Z",
        "until": "2025-02-01T00:00:00Z",
        "parameters": {"region": "us"},
        "backfill": True,
    }


def test_a_run_without_a_range_begins_at_the_start_of_the_description(stored: Stored) -> None:
    _, http, container = stored
    assert http.post("/api/runs", json={"source": "orders", "run_id": "first"}).status_code == 202
    reads = request_of(container, "first")["reads"]
    assert (reads["since"], reads["watermark"], reads["parameters"]) == ("2024-01-01T00:00:00Z", 0, {"region": "eu"})
    assert http.post("/api/runs", json={"source": "plain", "run_id": "all"}).status_code == 202
    assert "reads" not in request_of(container, "all")
