"""Send a chunk in tests as the activity does, and read the queue as a consumer does."""

import asyncio
import contextlib
import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.blob.aio import ContainerClient
from azure.storage.queue import QueueClient, TextBase64DecodePolicy

from ingestion.contracts import Chunk, EnqueueRequest, Receipt, Run
from ingestion.errors import RetryableError
from ingestion.fetching.line import line_of
from ingestion.hold import Hold
from ingestion.open_storage import Storage
from ingestion.sending.enqueue import enqueue
from ingestion.sending.reject import rejects_name
from ingestion.settings import Settings, load_settings
from ingestion.storage.checkpoint import Checkpoint, CheckpointFile
from ingestion.storage.spool import BatchWriter, count_of
from local.demo.stack import DEMO_SOURCES
from local.emulator import Azurite
from local.emulator.server import ACCOUNT

RUN = Run("r1", "20260101T000000-aa")


def settings_for(azurite: Azurite, *, queue_port: int | str = 0, **names: str) -> Settings:
    """Return app settings with separate queues and blobs; `queue_port` may be a proxy's."""
    own = f"test-{uuid.uuid4().hex[:12]}"
    given = {"SLUICE_SOURCES": DEMO_SOURCES, "SLUICE_QUEUE": own, "SLUICE_CONTAINER": own, **names}
    connection = azurite.connection_string
    if queue_port:
        connection = connection.replace(f":{azurite.ports['Queue']}/{ACCOUNT}", f":{queue_port}/{ACCOUNT}")
    return load_settings({"AzureWebJobsStorage": connection, **given})


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Storage]:
    """Storage with its container and queues."""
    storage = Storage(settings)
    try:
        await storage.prepare(settings)
        yield storage
    finally:
        await storage.close()


@dataclass
class Sending:
    """A chunk in the spool of a run, and its own queues."""

    settings: Settings
    storage: Storage
    request: EnqueueRequest

    async def send(
        self, settings: Settings | None = None, *, over: Storage | None = None, hold: Hold | None = None
    ) -> Receipt:
        """Send the chunk once; `settings` and `over` make it another worker's call."""
        storage = over or self.storage
        queues, tally = storage.queues, storage.tally
        return await enqueue(self.request, storage.container, queues, settings or self.settings, hold, tally)

    async def until_finished(self, attempts: int = 5) -> Receipt:
        """Send the chunk with the repeats of the durable retry and the next windows."""
        for _ in range(attempts - 1):
            with contextlib.suppress(RetryableError):
                receipt = await self.send()
                if not receipt.held:
                    return receipt
        return await self.send()

    @property
    def file(self) -> CheckpointFile:
        return CheckpointFile(self.storage.container, self.request.run, self.request.chunk)

    async def checkpoint(self) -> Checkpoint:
        """Return the checkpoint of the chunk."""
        found, _ = await self.file.read()
        return found

    async def left_by_an_earlier_attempt(self, **known: Any) -> None:
        """Set the checkpoint of the chunk before sending it."""
        file = self.file
        earlier = await file.claim(await count_of(self.storage.container, self.request.run, self.request.chunk), 0)
        await file.write(replace(earlier, **known))

    async def rejects(self) -> list[dict[str, Any]]:
        """Return the rejects of the chunk."""
        download = await self.storage.container.download_blob(rejects_name(self.request))
        return [json.loads(line) for line in (await download.readall()).splitlines()]


@asynccontextmanager
async def sending(settings: Settings, messages: Sequence[Any]) -> AsyncIterator[Sending]:
    """Write all `messages` into the spool as the first chunk of a run."""
    async with opened(settings) as storage:
        yield await spooled(settings, storage, messages)


async def spooled(settings: Settings, storage: Storage, messages: Sequence[Any], number: int = 0) -> Sending:
    """Write all `messages` into the spool as a chunk of a run."""
    writer = BatchWriter(storage.container, RUN, first_chunk=number)
    await writer.write_chunk([line_of(message) for message in messages])
    return Sending(settings, storage, EnqueueRequest(run=RUN, source="demo", chunk=Chunk(number, writer.token)))


def texts_on(azurite: Azurite, queue: str, *, base64: bool = True) -> Counter[str]:
    """Return the messages on the queue, read with Microsoft's client."""
    policy = TextBase64DecodePolicy() if base64 else None
    with QueueClient.from_connection_string(azurite.connection_string, queue, message_decode_policy=policy) as client:
        found = Counter[str]()
        while page := list(next(client.receive_messages(messages_per_page=32, visibility_timeout=600).by_page(), ())):
            found.update(message.content for message in page)
        return found


def repeated(found: Counter[str]) -> int:
    """Return the number of messages beyond the first of each text."""
    return found.total() - len(found)


NEVER = 99


class Died(BaseException):
    """The process has died."""


class Freezing(AioHttpTransport):
    """Holds the blob write numbered `at` (from 1) until it is released; or kills its process."""

    def __init__(self) -> None:
        super().__init__()
        self.hold(NEVER)

    def hold(self, at: int, *, killed: bool = False, done: bool = False) -> None:
        """Freeze or kill the sender of a write; `done` says whether storage executes the write first."""
        self._at, self._killed, self._done, self.writes = at, killed, done, 0
        self.frozen, self.let_go = asyncio.Event(), asyncio.Event()

    async def send(self, request: Any, **options: Any) -> Any:
        self.writes += request.method == "PUT"
        held = request.method == "PUT" and self.writes == self._at
        answer = await super().send(request, **options) if self._done or not held else None
        if held:
            self.frozen.set()
            if self._killed:
                raise Died
            await self.let_go.wait()
        return answer or await super().send(request, **options)

    async def until_held(self, sending: asyncio.Task[Receipt]) -> None:
        """Wait until the sender is frozen, or has ended."""
        frozen = asyncio.create_task(self.frozen.wait())
        await asyncio.wait([sending, frozen], return_when=asyncio.FIRST_COMPLETED)
        frozen.cancel()


@asynccontextmanager
async def worker(settings: Settings, azurite: Azurite, transport: Freezing) -> AsyncIterator[Storage]:
    """Storage whose blob writes a test can hold."""
    text = azurite.connection_string
    async with (
        opened(settings) as storage,
        ContainerClient.from_connection_string(text, settings.container, transport=transport) as container,
    ):
        storage.container = container
        yield storage
