"""How far fetching and sending overlap in a run: a slow source and a slow queue, each alone and both together.

SIZE counts ids. Every contestant is a whole run on devhost with Azurite for the blobs. `source_alone` has a slow source
and a queue that answers at once; `queue_alone` has a slow queue and a source that answers at once; in `both` each side
is slow. At full size a slow side takes about 20 s: the source waits before each page, and the queue sends `PER_SECOND`
answers a second. `seconds` is the figure in the run's own report, from the start to the last receipt.
"""

from collections.abc import Iterator
from pathlib import Path

from local.benchmarks.findings import Figures
from local.benchmarks.queue_server import queue_server
from local.benchmarks.sending import with_queues_at
from local.demo.settings import ApiSettings
from local.demo.stack import Stack
from local.emulator import Azurite

SIZE = 20_000
REPEATS = 3
COLUMNS = ("seconds",)
RATIOS = {"both_to_longer": ("seconds", "both", "source_alone", "queue_alone")}
PAGE_SIZE = 100
PAGE_MS = 100.0  # 200 pages, one after another
PER_SECOND = 1_000.0  # limit of the queue
CHUNK_SIZE = 200
CHUNKS_PER_BATCH = 5  # 20 windows
CONTESTANTS = {"source_alone": (PAGE_MS, 0.0), "queue_alone": (0.0, PER_SECOND), "both": (PAGE_MS, PER_SECOND)}


def measure(size: int, repeat: int, folder: Path) -> Iterator[tuple[str, Figures]]:
    with Azurite(folder / "azurite", in_memory=True) as azurite:
        for name, (page_ms, per_second) in CONTESTANTS.items():
            yield name, {"ids": size, "seconds": run(folder / name, azurite, size, page_ms, per_second)}


def run(folder: Path, azurite: Azurite, ids: int, page_ms: float, per_second: float) -> float:
    """Run once with these waits, and return the seconds."""
    api = ApiSettings(ids=ids, page_size=PAGE_SIZE, latency_ms=page_ms)
    with queue_server(folder, pace=per_second) as queue:
        environment = {
            "AzureWebJobsStorage": with_queues_at(queue.url, azurite),
            "SLUICE_CONTAINER": folder.name.replace("_", "-"),
            "SLUICE_CHUNKS_PER_BATCH": str(CHUNKS_PER_BATCH),
        }
        with Stack(api, folder=folder, azurite=azurite, environment=environment) as stack:
            *_, status = stack.run(chunk_size=CHUNK_SIZE)
    assert status["status"] == "completed", status
    assert status["report"]["enqueued"] == ids, status
    return float(status["report"]["seconds"])
