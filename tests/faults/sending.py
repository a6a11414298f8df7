"""Sending a chunk in tests, as the activity does it, and reading back what is on the queue, as a consumer does it."""

import contextlib
import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from azure.storage.queue import QueueClient, TextBase64DecodePolicy

from ingestion.contracts import Chunk, EnqueueRequest, Receipt, Run
from ingestion.errors import RetryableError
from ingestion.open_storage import Storage
from ingestion.sending import enqueue as sender
from ingestion.settings import Settings, load_settings
from ingestion.storage.checkpoint import Checkpoint, CheckpointFile
from ingestion.storage.spool import BatchWriter
from local.emulator import Azurite
from local.emulator.server import ACCOUNT

RUN = Run("r1", "20260101T000000-aa")


def settings_for(azurite: Azurite, *, queue_port: int | str = 0, **names: str) -> Settings:
    """The app settings for queues and blobs of their own; `queue_port` may be that of a proxy."""
    own = f"test-{uuid.uuid4().hex[:12]}"
    given = {"SLUICE_QUEUE": own, "SLUICE_CONTAINER": own, **names}
    connection = azurite.connection_string
    if queue_port:
        connection = connection.replace(f":{azurite.ports['Queue']}/{ACCOUNT}", f":{queue_port}/{ACCOUNT}")
    return load_settings({"AzureWebJobsStorage": connection, **given})


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Storage]:
    """A storage with its container and queues made."""
    storage = Storage(settings)
    try:
        await storage.prepare()
        yield storage
    finally:
        await storage.close()


async def spool(storage: Storage, messages: Sequence[Any], run: Run = RUN) -> EnqueueRequest:
    """Write all `messages` into the spool as the first chunk of a run, and return the request for it."""
    writer = BatchWriter(storage.container, run, first_chunk=0)
    await writer.write_chunk([json.dumps(message).encode() + b"\n" for message in messages])
    return EnqueueRequest(run=run, source="demo", chunk=Chunk(0, writer.token))


async def checkpoint_of(storage: Storage, request: EnqueueRequest) -> Checkpoint:
    """What is known of a chunk."""
    found, _ = await CheckpointFile(storage.container, request.run, request.chunk).read()
    return found


async def enqueue(request: EnqueueRequest, storage: Storage, settings: Settings) -> Receipt:
    """Send a chunk once."""
    return await sender.enqueue(request, storage.container, storage.queues, settings)


async def until_finished(request: EnqueueRequest, storage: Storage, settings: Settings, attempts: int = 5) -> Receipt:
    """Try as the durable retry and the next windows do."""
    for _ in range(attempts - 1):
        with contextlib.suppress(RetryableError):
            receipt = await enqueue(request, storage, settings)
            if not receipt.held:
                return receipt
    return await enqueue(request, storage, settings)


def texts_on(azurite: Azurite, queue: str, *, base64: bool = True) -> Counter[str]:
    """What is on the queue, read with the official client."""
    policy = TextBase64DecodePolicy() if base64 else None
    with QueueClient.from_connection_string(azurite.connection_string, queue, message_decode_policy=policy) as client:
        found = Counter[str]()
        while page := list(next(client.receive_messages(messages_per_page=32, visibility_timeout=600).by_page(), ())):
            found.update(message.content for message in page)
        return found


def repeated(found: Counter[str]) -> int:
    """Queue messages beyond the first of each kind."""
    return found.total() - len(found)
