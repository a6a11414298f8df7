"""What the scenarios about sending have in common: ids, chunks of them in the spool, and a bare loop that sends.

The bare loop is the least that one could do: the same bytes on the same kind of connection, and nothing around it.
"""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue.aio import QueueClient

from ingestion.chunking import chunk
from ingestion.contracts import Chunk, EnqueueRequest, Run
from ingestion.open_storage import Storage
from ingestion.sending.connection import Pool
from ingestion.storage.access import signed_access
from ingestion.storage.spool import BatchWriter
from local.benchmarks.contestant import Meter
from local.emulator.server import ACCOUNT, ACCOUNT_KEY

LANES = 32
WARM_UP = 50
HEADERS = {"Content-Type": "application/xml", "x-ms-version": "2021-12-02"}


def texts(count: int) -> Iterator[str]:
    """Ids as an API hands them out."""
    return (f"order-{number:09d}-{number * 2654435761 % 2**32:08x}" for number in range(count))


def connection_string(url: str, blob_port: int = 1) -> str:
    blobs = f"http://127.0.0.1:{blob_port}/{ACCOUNT}"
    account = f"AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY}"
    return f"DefaultEndpointsProtocol=http;{account};QueueEndpoint={url}/{ACCOUNT};BlobEndpoint={blobs};"


async def spool_chunks(storage: Storage, run_id: str, ids: list[str], size: int) -> list[EnqueueRequest]:
    """Put `ids` into the spool as the chunks of one batch, and return one request for each chunk."""
    run = Run(run_id, "20260101T000000-aa")
    writer = BatchWriter(storage.container, run, first_chunk=0)
    for part in chunk(ids, size):
        await writer.write_chunk([json.dumps(text).encode() + b"\n" for text in part])
    chunks = [Chunk(number, writer.token) for number in range(writer.next_chunk)]
    return [EnqueueRequest(run=run, source="benchmark", chunk=one) for one in chunks]


async def bare_loop(meter: Meter, url: str, path: str, count: int) -> None:
    """Send `count` ids to `url` + `path`, a queue's `messages` address with its query."""
    address = httpx.URL(url)
    pool = Pool(address.host, address.port or 80, tls=False)
    head = f"POST {path} HTTP/1.1\r\nHost: {address.netloc.decode()}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items()) + "Content-Length: "

    async def send(text: str) -> None:
        body = body_of(text)
        assert (await pool.exchange(b"%b%d\r\n\r\n%b" % (head.encode(), len(body), body), 30)).status == 201

    await in_lanes(meter, count, send)
    pool.close()


async def in_lanes(meter: Meter, count: int, send: Callable[[str], Awaitable[object]]) -> None:
    """Send as many at a time as Sluice does, after a warm-up that opens the connections."""

    async def lane(waiting: Iterator[str]) -> None:
        for text in waiting:
            await send(text)

    for number in (WARM_UP, count):
        waiting = texts(number)
        with meter if number == count else Meter():
            await asyncio.gather(*(lane(waiting) for _ in range(LANES)))


def body_of(text: str) -> bytes:
    return b"<QueueMessage><MessageText>%b</MessageText></QueueMessage>" % base64.b64encode(text.encode())


async def signed_path(connection: str, queue: str) -> str:
    """The path of the `messages` of a queue, which exists afterwards, with a query that lets in."""
    async with QueueClient.from_connection_string(connection, queue) as client:
        with suppress(ResourceExistsError):
            await client.create_queue()
        grant = await signed_access(ACCOUNT, ACCOUNT_KEY).grant()
        return f"{urlsplit(client.url).path}/messages?messagettl=604800&{grant.query}"
