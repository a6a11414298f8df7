"""CPU for each message: the whole sender, the official clients and httpx, against a server that answers at once.

Sluice is measured as the activity runs it, `ingestion.sending.enqueue.enqueue`: spool read, formats, rate, retries,
checkpoints and receipts included, with Azurite for the blobs. The others only send, from ready texts. `floor` sends
the same bytes on the same kind of connection with nothing around it; `aiohttp` is its client session with everything
turned off that can be. Each contestant is a process of its own, and so is the server.
"""

import tempfile
import time
from pathlib import Path

import aiohttp
import httpx
from azure.storage.queue import QueueClient, TextBase64EncodePolicy
from azure.storage.queue.aio import QueueClient as AsyncQueueClient
from yarl import URL

from ingestion.open_storage import Storage
from ingestion.sending.enqueue import enqueue
from ingestion.settings import load_settings
from local.benchmarks.contestant import Meter, apart
from local.benchmarks.findings import Findings, Row, median, median_ratio, of
from local.benchmarks.sending import (
    HEADERS,
    LANES,
    WARM_UP,
    bare_loop,
    body_of,
    connection_string,
    in_lanes,
    spool_chunks,
    texts,
)
from local.benchmarks.server import Server
from local.emulator import Azurite
from local.emulator.server import ACCOUNT

SIZE = 20_000  # messages for each contestant; the official clients send a tenth of it
CHUNK = 5_000
QUEUE = "benchmark"
QUERY = "messagettl=604800&sv=2021-12-02&ss=q&srt=o&sp=a&se=2030-01-01T00%3A00%3A00Z&sig=" + 44 * "a"
SLOW = ("sdk_async", "sdk_sync", "httpx")


def measure(size: int, repeats: int) -> Findings:
    contestants = (sluice, floor, plain_aiohttp, sdk_async, sdk_sync, plain_httpx)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder)) as server, Azurite(Path(folder)) as azurite:
        for repeat in range(repeats):
            for contestant in contestants:
                name = contestant.__name__.removeprefix("plain_")
                count = max(1, size // 10) if name in SLOW else size
                blobs = {"blob_port": azurite.ports["Blob"]} if contestant is sluice else {}
                meter = apart(contestant, url=server.url, count=count, **blobs)
                rows.append({
                    "contestant": name,
                    "repeat": repeat,
                    "messages": count,
                    "cpu_ms": meter.cpu_seconds * 1000 / count,
                    "per_second": count / meter.seconds,
                })  # fmt: skip
    milliseconds = {name: median(of(rows, name, "cpu_ms")) for name in ("sluice", "sdk_async", "sdk_sync", "httpx")}
    line: Row = {f"{name}_ms": value for name, value in milliseconds.items()}
    line["ratio_async"] = median_ratio(rows, "cpu_ms", "sdk_async", "sluice")
    line["ratio_sync"] = median_ratio(rows, "cpu_ms", "sdk_sync", "sluice")
    return Findings(rows=rows, line=line)


async def sluice(meter: Meter, url: str, count: int, blob_port: int) -> None:
    """The whole of step 5, chunk after chunk."""
    run = f"put-{time.time_ns()}"
    settings = load_settings({"AzureWebJobsStorage": connection_string(url, blob_port), "SLUICE_QUEUE": QUEUE})
    storage = Storage(settings)
    await storage.prepare()
    warm_up, *requests = [
        *await spool_chunks(storage, f"{run}-warm-up", list(texts(WARM_UP)), CHUNK),
        *await spool_chunks(storage, run, list(texts(count)), CHUNK),
    ]
    await enqueue(warm_up, storage.container, storage.queues, settings)
    with meter:
        for request in requests:
            receipt = await enqueue(request, storage.container, storage.queues, settings)
            assert receipt.enqueued == receipt.messages, receipt
    await storage.close()


async def floor(meter: Meter, url: str, count: int) -> None:
    await bare_loop(meter, url, f"/{ACCOUNT}/{QUEUE}/messages?{QUERY}", count)


async def plain_aiohttp(meter: Meter, url: str, count: int) -> None:
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


async def sdk_async(meter: Meter, url: str, count: int) -> None:
    policy = TextBase64EncodePolicy()
    async with AsyncQueueClient.from_connection_string(
        connection_string(url), QUEUE, message_encode_policy=policy
    ) as queue:
        await in_lanes(meter, count, queue.send_message)


def sdk_sync(meter: Meter, url: str, count: int) -> None:
    policy = TextBase64EncodePolicy()
    with QueueClient.from_connection_string(connection_string(url), QUEUE, message_encode_policy=policy) as queue:
        for text in texts(WARM_UP):
            queue.send_message(text)
        with meter:
            for text in texts(count):
                queue.send_message(text)


async def plain_httpx(meter: Meter, url: str, count: int) -> None:
    address = f"{url}/{ACCOUNT}/{QUEUE}/messages?{QUERY}"
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=LANES)) as client:

        async def send(text: str) -> None:
            assert (await client.post(address, content=body_of(text), headers=HEADERS)).status_code == 201

        await in_lanes(meter, count, send)
