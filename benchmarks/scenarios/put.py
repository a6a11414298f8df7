"""CPU for each message: the whole sender, the official clients and httpx, against a server that answers at once.

Sluice is measured as the activity runs it, `ingestion.enqueue.enqueue`: spool read, formats, rate, retries, checkpoints
and receipts included, with Azurite for the blobs. The others only send, from ready texts. `floor` sends the same bytes
on the same kind of connection with nothing around it; `aiohttp` is its client session with everything turned off that
can be. Each contestant is a process of its own, and so is the server.
"""

import asyncio
import base64
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import httpx
from azure.storage.queue import QueueClient, TextBase64EncodePolicy
from azure.storage.queue.aio import QueueClient as AsyncQueueClient
from yarl import URL

from benchmarks.contestant import Meter, apart
from benchmarks.findings import Findings, Row, median, median_ratio, of
from benchmarks.server import Server
from emulator import Azurite
from emulator.server import ACCOUNT, ACCOUNT_KEY
from ingestion.connection import Pool
from ingestion.contracts import EnqueueRequest
from ingestion.enqueue import enqueue
from ingestion.settings import load_settings
from ingestion.storage import Storage

SIZE = 20_000  # messages for each contestant; the official clients send a tenth of it
LANES = 32
CHUNK = 5_000
WARM_UP = 500
QUEUE = "benchmark"
QUERY = "messagettl=604800&sv=2021-12-02&ss=q&srt=o&sp=a&se=2030-01-01T00%3A00%3A00Z&sig=" + 44 * "a"
HEADERS = {"Content-Type": "application/xml", "x-ms-version": "2021-12-02"}
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


def texts(count: int) -> Iterator[str]:
    """Ids as an API hands them out."""
    return (f"order-{number:09d}-{number * 2654435761 % 2**32:08x}" for number in range(count))


def connection_string(url: str, blob_port: int = 1) -> str:
    blobs = f"http://127.0.0.1:{blob_port}/{ACCOUNT}"
    account = f"AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY}"
    return f"DefaultEndpointsProtocol=http;{account};QueueEndpoint={url}/{ACCOUNT};BlobEndpoint={blobs};"


async def sluice(meter: Meter, url: str, count: int, blob_port: int) -> None:
    """The whole of step 5, chunk after chunk."""
    run = f"put-{time.time_ns()}"
    settings = load_settings({"AzureWebJobsStorage": connection_string(url, blob_port), "SLUICE_QUEUE": QUEUE})
    storage = Storage(settings)
    await storage.prepare()
    for shard in storage.shards:
        shard.rate.unlimited()
    spooled, requests = bytearray(), list[EnqueueRequest]()
    ids = list(texts(WARM_UP + count))
    for index, first in enumerate([0, *range(WARM_UP, len(ids), CHUNK)]):
        part = ids[first : WARM_UP if index == 0 else first + CHUNK]
        start, run_blob = len(spooled), f"runs/{run}/batches/000000.ndjson"
        spooled += b"".join(json.dumps(text).encode() + b"\n" for text in part)
        requests.append(EnqueueRequest(
            run_id=run, source="benchmark", batch_index=0, chunk_index=index, blob=run_blob,
            start_byte=start, end_byte=len(spooled), first_message=first, count=len(part), run_started_at=run,
        ))  # fmt: skip
    await storage.container.upload_blob(requests[0].blob, bytes(spooled))
    await enqueue(requests[0], storage, settings)
    with meter:
        for request in requests[1:]:
            receipt = await enqueue(request, storage, settings)
            assert receipt.enqueued == receipt.count, receipt
    await storage.close()


async def floor(meter: Meter, url: str, count: int) -> None:
    address = httpx.URL(url)
    pool = Pool(address.host, address.port or 80, tls=False)
    head = f"POST /{ACCOUNT}/{QUEUE}/messages?{QUERY} HTTP/1.1\r\nHost: {address.netloc.decode()}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items()) + "Content-Length: "

    async def send(text: str) -> None:
        body = body_of(text)
        assert (await pool.exchange(b"%b%d\r\n\r\n%b" % (head.encode(), len(body), body), 30)).status == 201

    await in_lanes(meter, count, send)
    pool.close()


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
        for text in texts(WARM_UP // 10):
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


async def in_lanes(meter: Meter, count: int, send: Callable[[str], Awaitable[object]]) -> None:
    """Send as many at a time as Sluice does, after a warm-up that opens the connections."""

    async def lane(waiting: Iterator[str]) -> None:
        for text in waiting:
            await send(text)

    for number in (WARM_UP // 10, count):
        waiting = texts(number)
        with meter if number == count else Meter():
            await asyncio.gather(*(lane(waiting) for _ in range(LANES)))


def body_of(text: str) -> bytes:
    return b"<QueueMessage><MessageText>%b</MessageText></QueueMessage>" % base64.b64encode(text.encode())
