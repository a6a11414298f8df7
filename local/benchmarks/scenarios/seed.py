"""Two simpler designs with the official client, compared with a run of Sluice in raw and in packed format.

`loop` is one function that reads page after page and sends id after id. `blobs` writes a blob for each 5,000 ids, and
sends the ids of each blob in a separate call; the calls share as many threads as a Python worker of Functions has by
default. Both run without a host; Sluice runs on devhost, from the HTTP start to the report. All read the same ids from
the demo API, and each has an Azurite of its own.
"""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient, TextBase64EncodePolicy

from local.benchmarks.contestant import Meter, apart
from local.benchmarks.findings import Figures
from local.benchmarks.scenarios.run import sluice
from local.demo.settings import ApiSettings
from local.demo.stack import Stack

SIZE = 30_000  # ids
REPEATS = 3
COLUMNS = ("per_second", "cpu_seconds_per_million")
RATIOS = {"raw_to_blobs": ("per_second", "raw", "blobs")}
CHUNK = 5_000


def measure(size: int, repeat: int, folder: Path) -> Iterator[tuple[str, Figures]]:
    bare = {"loop": loop, "blobs": blobs}
    for name in ("loop", "blobs", "raw", "packed"):
        environment = {} if name in bare else {"SLUICE_MESSAGE_FORMAT": name}
        with Stack(ApiSettings(ids=size), environment=environment) as stack:
            if name in bare:
                meter = apart(bare[name], api=stack.api.url, connection=stack.azurite.connection_string)
            else:
                meter = sluice(stack, size)
        speed = {"seconds": meter.seconds, "per_second": size / meter.seconds}
        yield name, {"ids": size, **speed, "cpu_seconds_per_million": meter.cpu_seconds / size * 1e6}


def loop(meter: Meter, api: str, connection: str) -> None:
    with queue_of(connection) as queue:
        queue.create_queue()
        with meter:
            for page in pages(api):
                for name in page:
                    queue.send_message(name)


def blobs(meter: Meter, api: str, connection: str) -> None:
    def send(blob: str) -> None:
        with queue_of(connection) as queue:
            for name in json.loads(container.download_blob(blob).readall()):
                queue.send_message(name)

    with queue_of(connection) as queue, ContainerClient.from_connection_string(connection, "seed") as container:
        queue.create_queue()
        container.create_container()
        with meter, ThreadPoolExecutor(min(32, (os.cpu_count() or 1) + 4)) as workers:
            ids = [name for page in pages(api) for name in page]
            names = []
            for start in range(0, len(ids), CHUNK):
                names.append(f"chunk-{start}.json")
                container.upload_blob(names[-1], json.dumps(ids[start : start + CHUNK]))
            list(workers.map(send, names))


def queue_of(connection: str) -> QueueClient:
    return QueueClient.from_connection_string(connection, "seed", message_encode_policy=TextBase64EncodePolicy())


def pages(api: str) -> Iterator[list[str]]:
    """Yield the ids of each page of the demo API."""
    cursor: str | None = ""
    with httpx.Client(base_url=api, timeout=30) as http:
        while cursor is not None:
            page = http.get("/ids", params={"cursor": cursor}).json()
            yield [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
