"""A consumer in another language, with the official client of that language, reads every format."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

from ingestion.sending.packed import unpack
from local.emulator import Azurite
from local.node import node
from tests.faults.sending import RUN, sending, settings_for

READER = Path(__file__).with_name("read_queue.js")
KEYS = f"{RUN.id}/{RUN.start}/0"
MESSAGES: list[Any] = ["id-1", "ä <&> 🎈", {"id": 7, "name": "é"}]


def read_with_node(azurite: Azurite, format: str) -> list[str]:
    """Send `MESSAGES` in `format`, and return the texts on the queue, in any order."""
    settings = settings_for(azurite, SLUICE_MESSAGE_FORMAT=format)

    async def send() -> None:
        async with sending(settings, MESSAGES) as chunk:
            await chunk.send()

    asyncio.run(send())
    command = [str(node()), str(READER), azurite.connection_string, settings.queue]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_raw_messages_are_the_ids_themselves(azurite: Azurite) -> None:
    assert sorted(read_with_node(azurite, "raw")) == sorted(["id-1", "ä <&> 🎈", '{"id":7,"name":"é"}'])


def test_envelopes_are_json_with_a_key(azurite: Azurite) -> None:
    read = sorted((json.loads(text) for text in read_with_node(azurite, "envelope")), key=lambda text: str(text["key"]))
    assert [text["key"] for text in read] == [f"{KEYS}/{index}" for index in range(3)]
    assert [text.get("id", text.get("record")) for text in read] == MESSAGES


def test_a_pack_is_one_message_with_all_of_them(azurite: Azurite) -> None:
    (text,) = read_with_node(azurite, "packed")
    assert list(unpack(text)) == [(f"{KEYS}/{index}", message) for index, message in enumerate(MESSAGES)]
