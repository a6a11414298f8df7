"""The keeper's measurements: the depth of each queue, and the age of each used watermark."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.queue import AccountSasPermissions, ResourceTypes, generate_account_sas

from clients.gauges import measure
from ingestion.open_storage import Storage
from ingestion.settings import Settings, load_settings
from local.emulator import Azurite

SOURCES = """
[orders]
url = "http://127.0.0.1/orders"
incremental = { key = "updated_at" }
[parts]
url = "http://127.0.0.1/parts"
messages = { queue = "OTHER/QUEUE-own" }
[broken]
url = "http://127.0.0.1/broken"
messages = { queue = "MISSING/queue" }
"""


class Measured:
    """Storage with a queue, a queue in another account, and the log records about them."""

    def __init__(self, storage: Storage, settings: Settings, caplog: pytest.LogCaptureFixture, queue: str) -> None:
        self.storage, self.settings, self.queue, self._caplog = storage, settings, queue, caplog

    async def look(self, *, after: timedelta = timedelta(0)) -> list[Any]:
        """Measure once, and return the facts of each log record by its action."""
        self._caplog.clear()
        await measure(self.storage, self.settings, datetime.now(UTC) + after)
        return [record.__dict__ for record in self._caplog.records if record.name == "sluice"]

    async def depths(self) -> dict[str, tuple[int | None, int | None]]:
        return {
            each["queue"]: (each["depth"], each["poison_depth"])
            for each in await self.look()
            if each["action"] == "queue_depth"
        }

    async def put(self, queue: str, messages: int) -> None:
        client = self.storage._opened(self.settings.account).queues.get_queue_client(queue)
        await client.create_queue()
        for _ in range(messages):
            await client.send_message("x")


@pytest.fixture
async def measured(
    azurite: Azurite,
    queue_name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> AsyncIterator[Measured]:
    """The app may send to the source's account, but not read from it."""
    caplog.set_level("INFO", "sluice")
    sources = tmp_path / "sources.toml"
    sources.write_text(SOURCES.replace("QUEUE", queue_name))
    parts = dict(part.partition("=")[::2] for part in azurite.connection_string.split(";"))
    signature = generate_account_sas(
        parts["AccountName"],
        parts["AccountKey"],
        ResourceTypes(object=True),
        AccountSasPermissions(add=True),
        datetime.now(UTC) + timedelta(hours=1),
    )
    for name, value in {
        "AzureWebJobsStorage": azurite.connection_string,
        "SLUICE_SOURCES": str(sources),
        "SLUICE_QUEUE": queue_name,
        "SLUICE_CONTAINER": queue_name,
        "OTHER": f"QueueEndpoint={parts['QueueEndpoint']};SharedAccessSignature={signature}",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    storage = Storage(settings)
    await storage.prepare()
    yield Measured(storage, settings, caplog, queue_name)
    await storage.close()


async def test_the_depths_of_a_queue_and_its_poison_queue_are_logged(measured: Measured) -> None:
    await measured.put(measured.queue, 3)
    assert (await measured.depths())[measured.queue] == (3, 0), "nobody has given up a message"
    await measured.put(f"{measured.queue}-poison", 2)
    assert (await measured.depths())[measured.queue] == (3, 2)


async def test_a_queue_that_the_app_may_not_read_is_logged_without_a_count(measured: Measured) -> None:
    assert await measured.depths() == {
        measured.queue: (None, 0),  # it is not there yet
        f"OTHER/{measured.queue}-own": (None, None),
    }


async def test_the_age_of_a_watermark_is_logged_while_its_source_is_incremental(measured: Measured) -> None:
    for name in ("orders.json", "orders/0a1b.json", "orders/held/00000001-x", "parts.json", "gone.json"):
        await measured.storage.container.get_blob_client(f"watermarks/{name}").upload_blob(b"{}")
    ages = [each for each in await measured.look(after=timedelta(hours=2)) if each["action"] == "watermark_age"]
    assert [(each["source"], each["watermark"]) for each in ages] == [("orders", "orders"), ("orders", "orders/0a1b")]
    assert all(7190 < each["seconds"] < 7260 for each in ages)


async def test_storage_that_does_not_answer_is_logged_and_raises_nothing(measured: Measured) -> None:
    blobs = measured.storage._opened(measured.settings.account).blobs
    measured.storage.container = blobs.get_container_client("not-there")
    (*_, last) = await measured.look()
    assert last["action"] == "not_measured"
    assert "ContainerNotFound" in last["reason"]
