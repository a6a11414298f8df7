"""CPU for each message: the whole sender, the official clients and httpx, against a server that answers at once.

`sluice` calls `ingestion.sending.enqueue.enqueue` as the activity does: with spool, formats, rate, retries, checkpoints
and receipts, and with Azurite for the blobs. The other contestants only send texts from memory. `floor` sends the same
bytes on the same kind of connection, and does nothing else; `aiohttp` uses aiohttp's client session with every optional
feature turned off. Each contestant is a process of its own, and so is the server.
"""

from collections.abc import Iterator
from pathlib import Path

import aiohttp
import httpx
from azure.storage.queue import QueueClient, TextBase64EncodePolicy
from azure.storage.queue.aio import QueueClient as AsyncQueueClient
from yarl import URL

from local.benchmarks.contestant import Meter, apart
from local.benchmarks.findings import Figures
from local.benchmarks.queue_server import queue_server
from local.benchmarks.sending import (
    HEADERS,
    LANES,
    QUEUE,
    WARM_UP,
    Sluice,
    bare_loop,
    body_of,
    in_lanes,
    put_url,
    texts,
    with_queues_at,
)
from local.emulator import Azurite

SIZE = 20_000  # messages for each contestant; the official clients send a tenth of it
REPEATS = 5
COLUMNS = ("cpu_ms",)
RATIOS = {"ratio_async": ("cpu_ms", "sdk_async", "sluice"), "ratio_sync": ("cpu_ms", "sdk_sync", "sluice")}
CHUNK = 5_000


def measure(size: int, repeat: int, folder: Path) -> Iterator[tuple[str, Figures]]:
    with queue_server(folder) as server, Azurite(folder) as azurite:
        connection = with_queues_at(server.url, azurite)
        for name, contestant, count in (
            ("sluice", sluice, size),
            ("floor", bare_loop, size),
            ("aiohttp", plain_aiohttp, size),
            ("sdk_async", sdk_async, max(1, size // 10)),
            ("sdk_sync", sdk_sync, max(1, size // 10)),
            ("httpx", plain_httpx, max(1, size // 10)),
        ):
            meter = apart(contestant, connection=connection, count=count)
            figures = {"cpu_ms": meter.cpu_seconds * 1000 / count, "per_second": count / meter.seconds}
            yield name, {"messages": count, **figures}


async def sluice(meter: Meter, connection: str, count: int) -> None:
    """Send chunk after chunk, as the activity does."""
    step = Sluice(connection)
    (warm_up,) = await step.spool(WARM_UP, CHUNK)
    requests = await step.spool(count, CHUNK)
    await step.send(warm_up)
    with meter:
        for request in requests:
            await step.send(request)
    await step.close()


async def plain_aiohttp(meter: Meter, connection: str, count: int) -> None:
    address = URL(await put_url(connection), encoded=True)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=30),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
    ) as session:

        async def send(text: str) -> None:
            async with session.post(address, data=body_of(text), headers=HEADERS, allow_redirects=False) as response:
                assert response.status == 201
                await response.read()

        await in_lanes(meter, count, send)


async def sdk_async(meter: Meter, connection: str, count: int) -> None:
    policy = TextBase64EncodePolicy()
    async with AsyncQueueClient.from_connection_string(connection, QUEUE, message_encode_policy=policy) as queue:
        await in_lanes(meter, count, queue.send_message)


def sdk_sync(meter: Meter, connection: str, count: int) -> None:
    policy = TextBase64EncodePolicy()
    with QueueClient.from_connection_string(connection, QUEUE, message_encode_policy=policy) as queue:
        for text in texts(WARM_UP):
            queue.send_message(text)
        with meter:
            for text in texts(count):
                queue.send_message(text)


async def plain_httpx(meter: Meter, connection: str, count: int) -> None:
    address = await put_url(connection)
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=LANES)) as client:

        async def send(text: str) -> None:
            assert (await client.post(address, content=body_of(text), headers=HEADERS)).status_code == 201

        await in_lanes(meter, count, send)
