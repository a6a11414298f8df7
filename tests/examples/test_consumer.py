"""The consumer example stores every message of a run once, in each format, though each is delivered twice."""

import base64
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from azure.storage.queue import QueueClient

from examples.consumer import function_app
from examples.nightly.shop import TOKEN, Shop
from local.emulator import Azurite
from tests.app_host import ROOT, sluice

ORDERS = 150
SOURCES = str(ROOT / "examples/nightly/sources.toml")
(FUNCTION,) = (builder._function for builder in function_app.app._function_builders)
take: Callable[[func.QueueMessage], None] = FUNCTION.get_user_function()


def sent(
    monkeypatch: pytest.MonkeyPatch, folder: Path, azurite: Azurite, queue: str, **settings: str
) -> Iterator[func.QueueMessage]:
    """Run the nightly example, and yield what the queue then holds as the host gives it to a function: decoded."""
    with Shop() as shop:
        shop.orders = shop.orders[:ORDERS]
        threading.Thread(target=shop.serve_forever).start()
        given: dict[str, Any] = {
            "AzureWebJobsStorage": azurite.connection_string, "SLUICE_QUEUE": queue, "SLUICE_CONTAINER": queue,
            "SLUICE_SOURCES": SOURCES, "SHOP_URL": shop.url, "ORDERS_TOKEN": TOKEN, "SLUICE_PACK_MESSAGES": "100",
            **settings,
        }  # fmt: skip
        with sluice(monkeypatch, folder, **given) as (app, http):
            http.post("/api/runs", json={"source": "orders", "run_id": "run"}).raise_for_status()
            app.wait("run")
        shop.shutdown()
    with QueueClient.from_connection_string(azurite.connection_string, queue) as client:
        for message in client.receive_messages(messages_per_page=32, visibility_timeout=600):
            yield func.QueueMessage(id=message.id, body=base64.b64decode(message.content, validate=True))


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONSUMER_DATABASE", str(tmp_path / "orders.db"))
    return tmp_path / "orders.db"


def stored(database: Path) -> list[tuple[str | None, str]]:
    with sqlite3.connect(database) as connection:
        found = connection.execute("SELECT key, message FROM orders").fetchall()
    connection.close()
    return found


@pytest.mark.parametrize(
    ("message_format", "queue_messages", "rows"),
    [("raw", ORDERS, 2 * ORDERS), ("envelope", ORDERS, ORDERS), ("packed", 2, ORDERS)],
)
def test_each_message_is_stored_once_though_it_comes_twice_where_it_has_a_key(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    azurite: Azurite,
    queue_name: str,
    database: Path,
    message_format: str,
    queue_messages: int,
    rows: int,
) -> None:
    received = [*sent(monkeypatch, tmp_path, azurite, queue_name, SLUICE_MESSAGE_FORMAT=message_format)]
    assert len(received) == queue_messages
    for message in [*received, *received]:
        take(message)
    found = stored(database)
    assert len(found) == rows
    texts = {text if message_format == "raw" else json.loads(text) for _, text in found}
    assert texts == {f"order-{number:06}" for number in range(ORDERS)}


def test_a_record_is_stored_as_json(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_MESSAGE_FORMAT", "envelope")
    take(func.QueueMessage(body=b'{"run": "r", "source": "orders", "key": "r/s/0/0", "record": {"id": 7}}'))
    assert stored(database) == [("r/s/0/0", '{"id": 7}')]


def test_a_message_that_cannot_be_read_is_left_to_the_host_and_stores_nothing(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_MESSAGE_FORMAT", "packed")
    with pytest.raises(KeyError):
        take(func.QueueMessage(body=b'{"run": "r", "start": "s", "chunk": 0, "first": 0}'))
    assert stored(database) == []


def test_it_waits_for_messages_of_the_queue_that_sluice_sends_to() -> None:
    (trigger,) = json.loads(str(FUNCTION))["bindings"]
    expected = {"type": "queueTrigger", "queueName": "%SLUICE_QUEUE%", "connection": "AzureWebJobsStorage"}
    assert trigger.items() >= expected.items()
