"""Shared parts of the scenarios about sending: ids, chunks in the spool, and a bare loop that sends.

The bare loop is the minimum: the same bytes on the same kind of connection, and nothing else.
"""

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

import httpx
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue.aio import QueueClient

from ingestion.chunking import chunk
from ingestion.contracts import Chunk, EnqueueRequest, Receipt, Run
from ingestion.open_storage import Storage
from ingestion.sending.connection import Pool
from ingestion.sending.enqueue import enqueue
from ingestion.settings import load_settings
from ingestion.storage.access import signed_access
from ingestion.storage.spool import BatchWriter
from local.benchmarks.contestant import Meter
from local.emulator import Azurite
from local.emulator.server import ACCOUNT, ACCOUNT_KEY

LANES = 32
WARM_UP = 50
QUEUE = "benchmark"
HEADERS = {"Content-Type": "application/xml", "x-ms-version": "2021-12-02"}


def texts(count: int) -> Iterator[str]:
    """Yield ids like those of an API."""
    return (f"order-{number:09d}-{number * 2654435761 % 2**32:08x}" for number in range(count))


def with_queues_at(url: str, azurite: Azurite) -> str:
    """Return the connection string of a running Azurite, with the queue service at `url` instead of Azurite's."""
    return azurite.connection_string.replace(f"http://127.0.0.1:{azurite.ports['Queue']}/", f"{url}/")


class Sluice:
    """Sends chunks as the activity enqueue_chunk does, with spool, formats, rate, retries, checkpoints and receipts."""

    def __init__(self, connection: str) -> None:
        self._settings = load_settings({"AzureWebJobsStorage": connection, "SLUICE_QUEUE": QUEUE})
        self._storage = Storage(self._settings)

    async def spool(self, count: int, size: int) -> list[EnqueueRequest]:
        """Write ids into the spool as the chunks of one batch, and return one request for each chunk."""
        with suppress(ResourceExistsError):
            await self._storage.container.create_container()
        run = Run(f"run-{time.time_ns()}", "20260101T000000-aa")
        writer = BatchWriter(self._storage.container, run, first_chunk=0)
        for part in chunk(list(texts(count)), size):
            await writer.write_chunk([json.dumps(text).encode() + b"\n" for text in part])
        chunks = [Chunk(number, writer.token) for number in range(writer.next_chunk)]
        return [EnqueueRequest(run=run, source="benchmark", chunk=one) for one in chunks]

    async def send(self, request: EnqueueRequest) -> Receipt:
        """Send one whole chunk."""
        receipt = await enqueue(request, self._storage.container, self._storage.queues, self._settings)
        assert receipt.enqueued == receipt.messages, receipt
        return receipt

    async def close(self) -> None:
        await self._storage.close()


async def bare_loop(meter: Meter, connection: str, count: int, text_bytes: int = 0) -> None:
    """Send `count` ids on Sluice's own connection, and do nothing else."""
    address = httpx.URL(await put_url(connection))
    pool = Pool(address.host, address.port or 80, tls=False)
    head = f"POST {address.raw_path.decode()} HTTP/1.1\r\nHost: {address.netloc.decode()}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items()) + "Content-Length: "

    async def send(text: str) -> None:
        body = body_of(text.ljust(text_bytes))
        assert (await pool.exchange(b"%b%d\r\n\r\n%b" % (head.encode(), len(body), body), 30)).status == 201

    await in_lanes(meter, count, send)
    pool.close()


async def in_lanes(meter: Meter, count: int, send: Callable[[str], Awaitable[object]]) -> None:
    """Send as many messages at a time as Sluice does, after a warm-up that opens the connections."""

    async def lane(waiting: Iterator[str]) -> None:
        for text in waiting:
            await send(text)

    for number in (WARM_UP, count):
        waiting = texts(number)
        with meter if number == count else Meter():
            await asyncio.gather(*(lane(waiting) for _ in range(LANES)))


def body_of(text: str) -> bytes:
    return b"<QueueMessage><MessageText>%b</MessageText></QueueMessage>" % base64.b64encode(text.encode())


async def put_url(connection: str) -> str:
    """Create the queue if it does not exist, and return the signed URL for Put Message."""
    async with QueueClient.from_connection_string(connection, QUEUE) as client:
        with suppress(ResourceExistsError):
            await client.create_queue()
        grant = await signed_access(ACCOUNT, ACCOUNT_KEY).grant()
        return f"{client.url}/messages?messagettl=-1&{grant.query}"
