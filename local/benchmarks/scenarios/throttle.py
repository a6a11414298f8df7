"""A queue that refuses more than 1,000 messages a second: how near the sender stays to it, how much is refused.

Four chunks at a time, as one worker sends them, from a cold start: the sender knows nothing of the limit. The server
lets a tenth of a second of burst through, then answers 503.
"""

import asyncio
import json
import tempfile
import time
import urllib.request
from pathlib import Path

from ingestion.open_storage import Storage
from ingestion.sending.enqueue import enqueue
from ingestion.settings import load_settings
from local.benchmarks.contestant import Meter, apart
from local.benchmarks.findings import Findings, Row, median, of
from local.benchmarks.sending import connection_string, spool_chunks, texts
from local.benchmarks.server import Server
from local.emulator import Azurite

SIZE = 20_000  # messages
PER_SECOND = 1_000
CHUNKS_AT_ONCE = 4


def measure(size: int, repeats: int) -> Findings:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name, Azurite(Path(name)) as azurite:
        for repeat in range(repeats):
            with Server(Path(name), per_second=PER_SECOND) as server:
                meter = apart(send, url=server.url, count=size, blob_port=azurite.ports["Blob"])
                with urllib.request.urlopen(f"{server.url}/count") as answer:
                    counts = json.load(answer)
            rows.append({
                "contestant": "sluice",
                "repeat": repeat,
                "messages": size,
                "arrived": counts["accepted"],
                "refused": counts["refused"],
                "refused_percent": 100 * counts["refused"] / (counts["accepted"] + counts["refused"]),
                "per_second": size / meter.seconds,
                "receipts": meter.notes["enqueued"],
            })  # fmt: skip
    line: Row = {
        "limit": PER_SECOND,
        "per_second": median(of(rows, "sluice", "per_second")),
        "refused_percent": median(of(rows, "sluice", "refused_percent")),
        "lost": max(int(row["messages"]) - int(row["arrived"]) for row in rows),
    }
    return Findings(rows=rows, line=line)


async def send(meter: Meter, url: str, count: int, blob_port: int) -> None:
    settings = load_settings({"AzureWebJobsStorage": connection_string(url, blob_port), "SLUICE_QUEUE": "benchmark"})
    storage = Storage(settings)
    await storage.container.create_container() if not await storage.container.exists() else None
    run = f"throttle-{time.time_ns()}"
    requests = await spool_chunks(storage, run, list(texts(count)), max(1, count // CHUNKS_AT_ONCE))
    with meter:
        receipts = await asyncio.gather(
            *(enqueue(request, storage.container, storage.queues, settings) for request in requests)
        )
    meter.notes["enqueued"] = sum(receipt.enqueued for receipt in receipts)
    await storage.close()
