"""Reading back finds every message of a real queue, and removes none."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.storage.queue import QueueClient, TextBase64EncodePolicy

from local.demo import readback
from local.demo.readback import Comparison
from local.emulator import Azurite
from tests.queues import create

MESSAGES = Path(__file__).parents[2] / "docs" / "messages.md"


@pytest.fixture
def queue(azurite: Azurite, queue_name: str) -> Iterator[QueueClient]:
    encode = TextBase64EncodePolicy()
    with QueueClient.from_connection_string(
        azurite.connection_string, queue_name, message_encode_policy=encode
    ) as queue:
        create(queue)
        yield queue


def test_every_message_is_read_once_and_stays_on_the_queue(azurite: Azurite, queue: QueueClient) -> None:
    sent = sorted(f"id-{number}" for number in range(100))
    for name in sent:
        queue.send_message(name)
    pages = list(readback.pages(azurite.connection_string, queue.queue_name))
    assert sorted(message.content for page in pages for message in page) == sent
    assert queue.get_queue_properties().approximate_message_count == 100


def test_faults_on_the_queue_are_found(azurite: Azurite, queue: QueueClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readback, "catalogue", lambda api_url: ["a", "b", "c"])
    for name in ("a", "a", "b", "x"):
        queue.send_message(name)
    counts: list[int] = []
    found = readback.read_back(azurite.connection_string, queue.queue_name, "http://unused", progress=counts.append)
    assert found == Comparison(served=3, enqueued=4, unique=3, lost=1, duplicates=1, foreign=1)
    assert counts[-1] == 4


def test_the_consumer_in_the_docs_handles_each_message_once_and_deletes_it(
    azurite: Azurite, queue: QueueClient
) -> None:
    shown = re.search(r"```python\n(.*?)```", MESSAGES.read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None
    sent = [f"id-{number}" for number in range(40)]
    for name in sent:
        queue.send_message(name)
    handled: list[str] = []
    consumer = shown[1].replace("sluice-ids", queue.queue_name)
    exec(consumer, {"connection_string": azurite.connection_string, "handle": handled.append})
    assert handled == sent
    assert queue.get_queue_properties().approximate_message_count == 0
