"""GET, PUT and DELETE of a watermark: a change names the value before it, and disturbs no run."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import Mark, Run
from ingestion.reads import Reads
from ingestion.run import open_runs, watermark
from ingestion.run.watermark import Watermark, slot
from local.emulator import Azurite
from tests.app.kept import actions
from tests.app_host import sluice

SOURCES = """
[orders]
url = "http://127.0.0.1:1/{region}/orders"
items = "data"
query = { since = "{from}" }
pagination = { style = "none" }
parameters = { region = { allowed = ["eu", "us"], default = "eu" } }
incremental = { carry = "value", key = "updated_at", start = 2024-01-01T00:00:00Z }

[counted]
url = "http://127.0.0.1:1/counted"
items = "data"
query = { after = "{from}" }
pagination = { style = "none" }
incremental = { carry = "value", key = "id", start = 0, form = "number" }

[users]
url = "http://127.0.0.1:1/users"
items = "data"
query = { sync = "{from}", part = "%API_SETTING%" }
pagination = { style = "none" }
incremental = { carry = "token", read = "delta" }

[plain]
url = "http://127.0.0.1:1/plain"
items = "data"
pagination = { style = "none" }
"""
NOW = datetime(2026, 11, 25, tzinfo=UTC)
ORDERS, USERS = "/api/sources/orders/watermark", "/api/sources/users/watermark"
Do = Callable[[Callable[[ContainerClient], Any]], Any]


@pytest.fixture
def served(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, azurite: Azurite, queue_name: str
) -> Iterator[tuple[httpx.Client, Do]]:
    """The app's HTTP API, and access to its container."""
    (tmp_path / "sources.toml").write_text(SOURCES)
    settings: dict[str, Any] = {
        "AzureWebJobsStorage": azurite.connection_string,
        "SLUICE_QUEUE": queue_name,
        "SLUICE_CONTAINER": queue_name,
        "SLUICE_SOURCES": str(tmp_path / "sources.toml"),
        "API_SETTING": "open-sesame",
    }

    def do(work: Callable[[ContainerClient], Any]) -> Any:
        async def done() -> Any:
            text = azurite.connection_string
            async with ContainerClient.from_connection_string(text, queue_name) as container:
                return await work(container)

        return asyncio.run(done())

    with sluice(monkeypatch, tmp_path, **settings) as (_, http):
        yield http, do


def put(http: httpx.Client, path: str, value: Any, etag: str | None = '"0"') -> httpx.Response:
    return http.put(path, json={"value": value}, headers={} if etag is None else {"If-Match": etag})


Served = tuple[httpx.Client, Do]


def test_a_watermark_is_read_set_and_reset_and_the_value_before_is_kept_and_logged(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    http, _ = served
    caplog.set_level(logging.INFO, "sluice")
    none = http.get(ORDERS)
    assert (none.status_code, none.headers["ETag"], none.json()["value"]) == (200, '"0"', None)
    first = put(http, ORDERS, "2024-11-01")
    assert (first.status_code, first.headers["ETag"]) == (200, '"1"')
    assert first.json()["value"] == "2024-11-01T00:00:00Z"
    reset = http.delete(ORDERS, headers={"If-Match": '"1"'})
    assert (reset.status_code, reset.headers["ETag"]) == (200, '"2"')
    there = http.get(ORDERS).json()
    assert (there["value"], there["previous"], there["moved_by"]) == (None, "2024-11-01T00:00:00Z", None)
    assert [action for _, action in actions(caplog)] == ["watermark_set", "watermark_reset"]
    assert caplog.records[-1].__dict__["before"] == "2024-11-01T00:00:00Z"


@pytest.mark.parametrize(("etag", "status"), [(None, 428), ('"1"', 412), ("0", 412), ("*", 412)])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_change_that_does_not_name_what_is_there_is_refused(
    served: Served, method: str, etag: str | None, status: int
) -> None:
    http, _ = served
    headers = {} if etag is None else {"If-Match": etag}
    answer = http.request(method, ORDERS, headers=headers, json={"value": "2024-11-01"})
    assert answer.status_code == status
    assert answer.json()["field"] == "If-Match"
    assert http.get(ORDERS).headers["ETag"] == '"0"'


def test_a_change_while_a_run_of_the_source_is_open_is_refused_and_a_backfill_does_not_count(served: Served) -> None:
    http, do = served

    async def enter(container: ContainerClient) -> None:
        await container.create_container()
        await open_runs.enter(container, "past", "hub", NOW, source="orders", backfill=True)
        await open_runs.enter(container, "other", "hub", NOW, source="users")

    do(enter)
    assert put(http, ORDERS, "2024-11-01").status_code == 200
    do(lambda container: open_runs.enter(container, "night", "hub", NOW, source="orders"))
    refused = put(http, ORDERS, "2024-11-02", '"1"')
    assert (refused.status_code, "run night" in refused.json()["detail"]) == (409, True)
    assert http.delete(ORDERS, headers={"If-Match": '"1"'}).status_code == 409
    assert http.get(ORDERS).json()["value"] == "2024-11-01T00:00:00Z"


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/api/sources/nothing/watermark", 404, "not described"),
        ("/api/sources/plain/watermark", 404, "no watermark"),
        (f"{ORDERS}?region=de", 400, "not allowed"),
        (f"{ORDERS}?zone=1", 400, "no such parameter"),
    ],
)
def test_the_error_names_the_watermark_that_a_source_does_not_have(
    served: Served, path: str, status: int, said: str
) -> None:
    answer = served[0].get(path)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "value"),
    [(ORDERS, "soon"), (ORDERS, 7.5), (ORDERS, None), (USERS, 7), (USERS, ""), ("/api/sources/counted/watermark", "x")],
)
def test_a_value_that_is_not_of_the_form_is_refused(served: Served, path: str, value: Any) -> None:
    http, _ = served
    answer = put(http, path, value)
    assert (answer.status_code, answer.json()["field"]) == (400, "value")
    assert http.put(path, content=b"{", headers={"If-Match": '"0"'}).status_code == 400
    assert http.get(path).headers["ETag"] == '"0"'


def test_a_time_that_is_still_to_come_is_refused_because_no_run_would_read_until_then(served: Served) -> None:
    http, _ = served
    answer = put(http, ORDERS, "2999-11-01")
    assert (answer.status_code, answer.json()["field"]) == (400, "value")
    assert "later than now" in answer.json()["detail"]
    assert http.get(ORDERS).json()["value"] is None
    assert put(http, "/api/sources/counted/watermark", 10**15).status_code == 200


def test_each_set_of_parameters_is_set_by_itself(served: Served) -> None:
    http, _ = served
    assert put(http, f"{ORDERS}?region=us", "2024-11-01").status_code == 200
    found = [http.get(path).json() for path in (ORDERS, f"{ORDERS}?region=us", f"{ORDERS}?region=eu")]
    assert [each["value"] for each in found] == [None, "2024-11-01T00:00:00Z", None]
    assert found[1]["parameters"] == {"region": "us"}


def test_a_token_is_taken_and_never_shown_nor_stored_with_a_secret(served: Served) -> None:
    http, do = served
    token = "delta?key=open-sesame&since=t0ken"
    answer = put(http, USERS, token)
    assert (answer.status_code, "t0ken" in answer.text, "open-sesame" in answer.text) == (200, False, False)
    assert answer.json()["value"].startswith("token ")
    stored = do(lambda container: watermark.read(container, "users"))
    assert "open-sesame" not in stored.value
    assert "t0ken" in stored.value
    assert put(http, USERS, "other", '"1"').json()["previous"] == answer.json()["value"]


def test_a_token_with_a_credential_that_no_setting_of_the_source_names_is_refused(
    served: Served, azurite: Azurite
) -> None:
    key = azurite.connection_string.partition("AccountKey=")[2].partition(";")[0]
    answer = put(served[0], USERS, f"delta?key={key}")
    assert (answer.status_code, answer.json()["field"], key in answer.text) == (400, "value", False)


def test_after_a_person_sets_a_watermark_no_item_counts_as_known(served: Served) -> None:
    http, do = served
    run = Run("run", "20260101T000000-aa")

    async def moved(container: ContainerClient) -> Watermark:
        await container.create_container()
        await container.upload_blob(f"{run.folder}marks/held", b"digests")
        reads, mark = (
            Reads(watermark=0, parameters={"region": "eu"}),
            Mark(kind="time", value="2026-11-25T00:00:00Z", held="marks/held"),
        )
        return await watermark.move(container, run, reads, mark, slot("orders", reads.parameters), "aa", NOW)

    assert do(moved).held is not None
    assert put(http, ORDERS, "2024-11-01", '"1"').status_code == 200
    assert do(lambda container: watermark.read(container, slot("orders", {"region": "eu"}))).held is None
