"""A queue that refuses more than 1,000 messages a second: how near the sender comes to this, and how much is refused.

The sender sends four chunks at the same time, as one worker does, and does not know the limit beforehand. The server
accepts a burst of a tenth of a second, then answers 503.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx

from local.benchmarks.contestant import Meter, apart
from local.benchmarks.findings import Figures
from local.benchmarks.queue_server import queue_server
from local.benchmarks.sending import Sluice, with_queues_at
from local.emulator import Azurite

SIZE = 20_000  # messages
REPEATS = 5
COLUMNS = ("per_second", "refused_percent", "arrived")
RATIOS: dict[str, tuple[str, ...]] = {}
PER_SECOND = 1_000
CHUNKS_AT_ONCE = 4


def measure(size: int, repeat: int, folder: Path) -> Iterator[tuple[str, Figures]]:
    with Azurite(folder) as azurite, queue_server(folder, per_second=PER_SECOND) as server:
        meter = apart(send, connection=with_queues_at(server.url, azurite), count=size)
        counts = httpx.get(f"{server.url}/count").json()
    figures = {
        "messages": size,
        "arrived": counts["accepted"],
        "refused": counts["refused"],
        "refused_percent": 100 * counts["refused"] / (counts["accepted"] + counts["refused"]),
        "per_second": size / meter.seconds,
        "receipts": meter.notes["enqueued"],
    }
    yield "sluice", figures


async def send(meter: Meter, connection: str, count: int) -> None:
    step = Sluice(connection)
    requests = await step.spool(count, max(1, count // CHUNKS_AT_ONCE))
    with meter:
        receipts = await asyncio.gather(*map(step.send, requests))
    meter.notes["enqueued"] = sum(receipt.enqueued for receipt in receipts)
    await step.close()
