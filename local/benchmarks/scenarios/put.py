"""CPU for each message: the whole sender, the official clients and httpx, against a server that answers at once.

Sluice is measured as the activity runs it, `ingestion.sending.enqueue.enqueue`: spool read, formats, rate, retries,
checkpoints and receipts included, with Azurite for the blobs. The others only send, from ready texts. `floor` sends
the same bytes on the same kind of connection with nothing around it; `aiohttp` is its client session with everything
turned off that can be. Each contestant is a process of its own, and so is the server.
"""

import tempfile
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
    texts,
    with_queues_at,
)
from local.emulator import Azurite
from local.emulator.server import ACCOUNT

SIZE = 20_000  # messages for each contestant; the official clients send a tenth of it
REPEATS = 5
COLUMNS = ("cpu_ms",)
RATIOS = {"ratio_async": ("cpu_ms", "sdk_async", "sluice"), "ratio_sync": ("cpu_ms", "sdk_sync", "sluice")}
CHUNK = 5_000
QUERY = "messagettl=604800&sv=2021-12-02&ss=q&srt=o&sp=a&se=2030-01-01T00%3A00%3A00Z&sig=" + 44 * "a"
SLOW = ("sdk_async", "sdk_sync", "httpx")


def measure(size: int, repeat: int) -> Iterator[tuple[str, Figures]]:
    contestants = (sluice, floor, plain_aiohttp, sdk_async, sdk_sync, plain_httpx)
    with tempfile.TemporaryDirectory() as name, queue_server(Path(name)) as server, Azurite(Path(name)) as azurite:
        connection = with_queues_at(server.url, azurite)
        for contestant in contestants:
            name = contestant.__name__.removeprefix("plain_")
            count = max(1, size // 10) if name in SLOW else size
            meter = apart(contestant, url=server.url, connection=connection, count=count)
            figures = {"cpu_ms": meter.cpu_seconds * 1000 / count, "per_second": count / meter.seconds}
            yield name, {"messages": count, **figures}


async def sluice(meter: Meter, url: str, connection: str, count: int) -> None:
    """The whole of step 5, chunk after chunk."""
    step = Sluice(connection)
    (warm_up,) = await step.spool(WARM_UP, CHUNK)
    requests = await step.spool(count, CHUNK)
    await step.send(warm_up)
    with meter:
        for request in requests:
            await step.send(request)
    await step.close()


async def floor(meter: Meter, url: str, connection: str, count: int) -> None:
    await bare_loop(meter, url, f"/{ACCOUNT}/{QUEUE}/messages?{QUERY}", count)


async def plain_aiohttp(meter: Meter, url: str, connection: str, count: int) -> None:
    address = URL(f"{url}/{ACCOUNT}/{QUEUE}/messages?{QUERY}", encoded=True)
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


async def sdk_async(meter: Meter, url: str, connection: str, count: int) -> None:
    policy = TextBase64EncodePolicy()
    async with AsyncQueueClient.from_connection_string(connection, QUEUE, message_encode_policy=policy) as queue:
        await in_lanes(meter, count, queue.send_message)


def sdk_sync(meter: Meter, url: str, connection: str, count: int) -> None:
    policy = TextBase64EncodePolicy()
    with QueueClient.from_connection_string(connection, QUEUE, message_encode_policy=policy) as queue:
        for text in texts(WARM_UP):
            queue.send_message(text)
        with meter:
            for text in texts(count):
                queue.send_message(text)


async def plain_httpx(meter: Meter, url: str, connection: str, count: int) -> None:
    address = f"{url}/{ACCOUNT}/{QUEUE}/messages?{QUERY}"
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=LANES)) as client:

        async def send(text: str) -> None:
            assert (await client.post(address, content=body_of(text), headers=HEADERS)).status_code == 201

        await in_lanes(meter, count, send)
