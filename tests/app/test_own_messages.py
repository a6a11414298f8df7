"""Each source may set its own queues, format and time to live of its messages, instead of the app's."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.storage.queue import QueueClient, TextBase64DecodePolicy

from clients.start_run import start_run
from ingestion.sending.packed import unpack
from ingestion.settings import load_settings
from tests.app.driven import WHOLE, driven, stocked
from tests.app.kept import CRASH, Kept

SOURCE = """
[demo]
url = "%SLUICE_DEMO_URL%/ids"
items = "items"
message = "id"
pagination = {{ style = "none" }}
messages = {{ {} }}
"""
OF_THE_APP = {"SLUICE_QUEUES": "app-queue", "SLUICE_MESSAGE_FORMAT": "raw", "SLUICE_MESSAGE_ENCODING": "base64"}

Describe = Callable[[str], None]


@pytest.fixture
def describe(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Describe:
    """Writes the file of sources: the source demo with these settings for its messages."""
    file = tmp_path / "sources.toml"
    monkeypatch.setenv("SLUICE_SOURCES", str(file))

    def write(messages: str) -> None:
        file.write_text(SOURCE.format(messages))

    return write


def received(kept: Kept, queue: str, encoding: str) -> list[Any]:
    """Return the first 32 messages of a queue."""
    policy, text = TextBase64DecodePolicy() if encoding == "base64" else None, kept.azurite.connection_string
    with QueueClient.from_connection_string(text, queue, message_decode_policy=policy) as client:
        return list(next(client.receive_messages(messages_per_page=32).by_page(), ()))


def read(text: str, format: str) -> list[tuple[str, str]]:
    """Return the origin and the text of each message in a queue message, as a consumer reads them."""
    if format == "raw":
        return [("", text)]
    envelope = json.loads(text)
    assert (envelope["run"], envelope["source"]) == ("run", "demo")
    return list(unpack(text)) if format == "packed" else [(envelope["key"], envelope["id"])]


@pytest.mark.parametrize(("format", "encoding"), [("raw", "none"), ("envelope", "base64"), ("packed", "none")])
async def test_messages_go_to_the_queue_of_their_source_as_it_says_and_all_but_raw_ones_name_run_and_source(
    kept: Kept, describe: Describe, queue_name: str, monkeypatch: pytest.MonkeyPatch, format: str, encoding: str
) -> None:
    """In a redrive, which creates the queue as a start does."""
    state, own = await stocked(kept), f"{queue_name}-own"
    for name, value in OF_THE_APP.items():
        monkeypatch.setenv(name, value)
    describe(f'queue = "{own}", format = "{format}", encoding = "{encoding}", time_to_live = 3600')
    kept.engine.has("Failed", output=CRASH)
    assert await kept.redrive() == 202
    generation = await driven(kept.engine.started[-1])
    assert generation.report is not None, generation.error

    messages = received(kept, own, encoding)
    assert {(one.expires_on - one.inserted_on).total_seconds() for one in messages} == {3600}
    found = [pair for one in messages for pair in read(one.content, format)]
    sent_before = {"run/0", "run/3"}
    assert {text for _, text in found} == {f"run/{number}" for number in range(WHOLE)} - sent_before
    assert len(messages) == (len(found) if format != "packed" else 3)
    if format != "raw":
        assert all(key == f"run/{state.run.start}/{number // 3}/{number % 3}" for key, number in numbered(found))
    assert generation.report["enqueued"] == WHOLE


def numbered(found: list[tuple[str, str]]) -> list[tuple[str, int]]:
    return [(key, int(text.rpartition("/")[2])) for key, text in found]


@pytest.mark.parametrize(
    ("account", "field", "said"),
    [
        ("", "sources.toml: demo.messages.queues", "app setting SHOP_ACCOUNT: missing"),
        ("@Microsoft.KeyVault(SecretUri=https://a/b)", "sources.toml: demo.messages.queues", "was not resolved"),
        ("AccountName=shop;AccountKey=k3y", "SHOP_ACCOUNT", "SHOP_ACCOUNT__accountName"),
    ],
)
async def test_a_queue_in_an_account_that_is_missing_or_wrong_is_refused_at_the_start_and_nothing_is_written(
    kept: Kept, describe: Describe, monkeypatch: pytest.MonkeyPatch, account: str, field: str, said: str
) -> None:
    monkeypatch.setenv("SHOP_ACCOUNT", account)
    describe('queues = ["orders", "SHOP_ACCOUNT/orders"]')
    answer = await kept.answer_of(start_run)
    error = json.loads(answer.get_body())
    assert (answer.status_code, error["field"]) == (400, field)
    assert said in f"{error['detail']} {error['allowed']}"
    assert "k3y" not in str(error)
    assert [name async for name in kept.container.list_blob_names()] == []
    assert kept.engine.started == []


async def test_two_sources_that_send_to_one_queue_share_what_is_known_of_it(kept: Kept) -> None:
    settings, queues = load_settings(), kept.storage.queues
    [one] = queues.shards(settings)
    [other] = queues.shards(settings.model_copy(update={"message_ttl_seconds": 60, "message_format": "packed"}))
    assert queues.shards(settings) == [one] != [other]
    assert (one.rate, one._pool, one.access) == (other.rate, other._pool, other.access)
