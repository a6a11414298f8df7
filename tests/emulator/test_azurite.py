"""Azurite restarts with its ports and data, and leaves no process."""

import socket
from pathlib import Path

import pytest
from azure.storage.queue import QueueClient

from local.emulator import Azurite
from tests.queues import create


def test_a_restarted_emulator_keeps_its_ports_and_its_messages(tmp_path: Path) -> None:
    with Azurite(tmp_path) as azurite:
        before = azurite.connection_string
        with QueueClient.from_connection_string(before, "kept") as queue:
            create(queue)
            queue.send_message("still here")
            azurite.restart()
            assert azurite.connection_string == before
            assert [message.content for message in queue.receive_messages()] == ["still here"]
    for port in azurite.ports.values():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()


def test_messages_come_back_with_their_texts_in_the_order_in_which_they_were_put(
    azurite: Azurite, queue_name: str
) -> None:
    sent = [f"message {n}" for n in range(70)]
    with QueueClient.from_connection_string(azurite.connection_string, queue_name) as queue:
        create(queue)
        for text in sent:
            queue.send_message(text)
        pages = queue.receive_messages(messages_per_page=32, visibility_timeout=3600).by_page()
        assert [message.content for page in pages for message in page] == sent
