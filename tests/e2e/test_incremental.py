"""Runs over incremental sources, through the whole app: their requests, their watermarks and their reports."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.storage.blob import ContainerClient

from local.devhost.testing import RunningApp
from local.emulator import Azurite
from tests.app_host import sluice
from tests.e2e.small_api import SmallApi
from tests.faults.sending import texts_on

SECRET = "open-sesame-7"
SOURCES = """
[users]
url = "%API_URL%/users"
items = "value"
message = "id"
pagination = { style = "next_url", read = "next", start = "{from}", end = { one_page = true } }
incremental = { carry = "token", read = "delta" }
headers = { x-part = "%API_SETTING%" }

[sales]
url = "%API_URL%/{region}/sales"
items = "value"
message = "id"
query = { since = "{from}", until = "{to}" }
pagination = { style = "none" }
attempts = 1
outage_seconds = 0
incremental = { carry = "clock", start = 2026-01-01T00:00:00Z, window = "30d", form = "date" }

[sales.parameters]
region = { allowed = ["eu", "us"], default = "eu" }
"""


class World:
    """The app, its API, and what a run leaves."""

    def __init__(self, app: RunningApp, http: httpx.Client, api: SmallApi, azurite: Azurite, name: str) -> None:
        self.app, self.http, self.api, self.azurite, self.name = app, http, api, azurite, name

    def run(self, run_id: str, **body: Any) -> dict[str, Any]:
        """Start a run, wait for its end and return its status."""
        started = self.http.post("/api/runs", json={"run_id": run_id, **body})
        assert started.status_code == 202, started.text
        return self.ended(run_id)

    def ended(self, run_id: str) -> dict[str, Any]:
        self.app.wait(run_id)
        found: dict[str, Any] = self.http.get(f"/api/runs/{run_id}").json()
        return found

    def blobs(self) -> dict[str, bytes]:
        with ContainerClient.from_connection_string(self.azurite.connection_string, self.name) as container:
            return {name: container.download_blob(name).readall() for name in container.list_blob_names()}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, azurite: Azurite, queue_name: str) -> Iterator[World]:
    api = SmallApi()
    (tmp_path / "sources.toml").write_text(SOURCES)
    with api.served() as url:
        settings: dict[str, Any] = {
            "AzureWebJobsStorage": azurite.connection_string,
            "SLUICE_QUEUE": queue_name,
            "SLUICE_CONTAINER": queue_name,
            "SLUICE_SOURCES": str(tmp_path / "sources.toml"),
            "API_URL": url,
            "API_SETTING": SECRET,
        }
        with sluice(monkeypatch, tmp_path, **settings) as (app, http):
            yield World(app, http, api, azurite, queue_name)


def test_a_delta_link_is_carried_to_the_next_run_and_neither_shown_nor_stored_with_a_secret(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    given = [f"/users?delta=t0ken-1&part={SECRET}", "/users?delta=t0ken-2"]

    def answer(path: str, query: dict[str, str]) -> tuple[int, Any]:
        return 200, {"value": [{"id": len(world.api.asked)}], "delta": given[len(world.api.asked) - 1]}

    world.api.answer = answer
    first, second = world.run("one", source="users"), world.run("two", source="users")
    assert world.api.asked == ["/users", f"/users?delta=t0ken-1&part={SECRET}"]
    assert [*texts_on(world.azurite, world.name)] == ["1", "2"]
    assert first["report"]["incremental"]["moved"] is True
    assert second["report"]["incremental"]["from"] == first["report"]["incremental"]["watermark"]
    there = world.http.get("/api/sources/users/watermark")
    assert there.json()["value"] == second["report"]["incremental"]["watermark"]
    shown = json.dumps([first, second]) + there.text + caplog.text
    assert "t0ken" not in shown
    assert all(SECRET.encode() not in data for data in world.blobs().values())


def test_a_failed_run_leaves_the_watermark_and_its_redrive_reads_the_same_range_and_moves_it(world: World) -> None:
    path = "/api/sources/sales/watermark?region=eu"
    before = world.http.put(path, headers={"If-Match": '"0"'}, json={"value": "2026-11-01T00:00:00Z"}).json()
    world.api.answer = lambda path, query: (400, {})
    failed = world.run("two", source="sales")
    assert (failed["status"], failed["report"]["incremental"]["moved"]) == ("failed", False)
    assert world.http.get("/api/sources/sales/watermark").json() == before
    asked = world.api.asked[-1]
    world.api.answer = lambda path, query: (200, {"value": [{"id": query["since"]}]})
    assert world.http.post("/api/runs/two/redrive").status_code == 202
    again = world.ended("two")
    assert again["status"] == "completed"
    assert world.api.asked[-1] == asked
    assert world.http.get("/api/sources/sales/watermark").json()["moved_by"] == "two"


def test_a_backfill_in_windows_with_a_parameter_asks_for_each_window_and_leaves_the_watermark(world: World) -> None:
    world.api.answer = lambda path, query: (200, {"value": [{"id": f"{path} {query['since']}"}]})
    found = world.run("past", source="sales", **{"from": "2025-01-01", "to": "2025-03-15"}, parameters={"region": "us"})
    assert found["report"]["outcome"] == "completed"
    assert found["report"]["incremental"] == {
        "from": "2025-01-01T00:00:00Z",
        "to": "2025-03-15T00:00:00Z",
        "known": 0,
        "outside": 0,
        "moved": False,
        "reason": "a backfill leaves the watermark alone",
    }
    bounds = ["2025-01-01", "2025-01-31", "2025-03-02", "2025-03-15"]
    assert world.api.asked == [f"/us/sales?since={since}&until={until}" for since, until in pairwise(bounds)]
    assert world.http.get("/api/sources/sales/watermark?region=us").headers["ETag"] == '"0"'
    assert not [name for name in world.blobs() if name.startswith("watermarks/")]


def test_a_start_under_another_description_is_refused_until_a_person_says_where_to_go_on(
    world: World, tmp_path: Path
) -> None:
    world.run("one", source="sales")
    (tmp_path / "sources.toml").write_text(SOURCES.replace("{region}/sales", "{region}/orders"))
    refused = world.http.post("/api/runs", json={"source": "sales", "run_id": "two"})
    assert (refused.status_code, "another description" in refused.json()["detail"]) == (409, True)
    path = "/api/sources/sales/watermark?region=eu"
    etag = world.http.get(path).headers["ETag"]
    assert world.http.put(path, json={"value": "2026-01-01"}, headers={"If-Match": etag}).status_code == 200
    assert world.run("two", source="sales")["status"] == "completed"
