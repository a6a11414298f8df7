"""The capacity model against real runs: predict time and requests from constants measured right before, then run.

SIZE counts the ids of the raw run; the packed run has forty times as many. Each repeat first measures the constants of
the model on this machine:

- how many puts a second Azurite accepts from a bare loop, of single messages and of packs;
- the worker's CPU time for each put;
- the time of a page and of a chunk, from the log records of a packed run of one batch: it first reads, then sends;
- from a run of three batches, the worker's CPU time for each id, and what a window takes beside its slowest part.

Then `ingestion.capacity` predicts both runs, and each run gets a fresh Azurite that logs its requests. Each ratio
divides the predicted figure by the measured figure. The command fails if the median of a ratio is outside 0.8 to 1.2.
Predicted and measured numbers of requests that differ by at most three count as equal. During a run nothing asks the
app for the run's status, because such a question costs requests to storage.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from math import ceil
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx

from ingestion.capacity.capacity import Capacity, Work, capacity
from ingestion.capacity.speed import Speed
from ingestion.settings import load_settings
from ingestion.transactions import CHUNKS_AT_ONCE
from local.benchmarks import findings
from local.benchmarks.contestant import apart
from local.benchmarks.findings import Figures, Row
from local.benchmarks.sending import bare_loop
from local.demo.run_client import RunError
from local.demo.settings import ApiSettings
from local.demo.stack import DEMO_SOURCES, ROOT, Stack
from local.demo.usage import cpu_seconds_of
from local.emulator import Azurite

SIZE = 40_000  # the model has no warm-up of app and Azurite, which is a fifth of the time of 10,000 ids
REPEATS = 3
COLUMNS = ("seconds",)
RATIOS: dict[str, tuple[str, ...]] = {}
PACKED_TIMES = 40
SMALL, BATCH, BATCHES = 5_000, 100_000, 3  # ids of a chunk, ids of a batch of 20 chunks, batches
CHUNK, PACK = 5_000, 1_000  # messages
PAGE_ITEMS, ITEM_BYTES = 1_000, 27  # of the demo API: "order-000000001-0123abcd" as a line of JSON
POLL_SECONDS = 0.1
KINDS = ("queue", "blob_writes", "blob_reads", "blob_lists", "blob_other", "blob_deletes")
LOWEST, HIGHEST, FEW = 0.8, 1.2, 3
BLOB_KINDS = {  # maps the method, and the value of `comp` or `restype`, to the kind of request
    ("PUT", ""): "blob_writes",
    ("PUT", "appendblock"): "blob_writes",
    ("GET", ""): "blob_reads",
    ("GET", "list"): "blob_lists",
    ("PUT", "container"): "blob_lists",
    ("DELETE", ""): "blob_deletes",
    ("HEAD", ""): "blob_other",
    ("PUT", "metadata"): "blob_other",
    ("PUT", "lease"): "blob_other",
}


class Ran(NamedTuple):
    """A finished run: the seconds in its report, the CPU time of the worker process, and its requests by kind."""

    seconds: float
    cpu_seconds: float
    requests: Counter[str]


def measure(size: int, repeat: int, folder: Path) -> Iterator[tuple[str, Figures]]:
    sources = folder / "sources.toml"
    described = (ROOT / DEMO_SOURCES).read_text(encoding="utf-8")
    packed = described.partition("# The same ids")[0].replace("[demo", "[packed")
    sources.write_text(f'{described}\n{packed}\n[packed.messages]\nformat = "packed"\n', encoding="utf-8")
    speed, page_seconds = speed_here(folder, sources)
    for name, source, count, puts, size_bytes in (
        ("raw", "demo", size, size, 0),
        ("packed", "packed", PACKED_TIMES * size, PACKED_TIMES * size // PACK, PACK * ITEM_BYTES),
    ):
        with Azurite(folder / f"bare-{name}", in_memory=True, logs_requests=True) as azurite:
            bare = apart(bare_loop, connection=azurite.connection_string, count=puts, text_bytes=size_bytes)
        with stack_of(count, folder / name, sources) as stack:
            made = run(stack, source)
        speed = speed._replace(queue_per_second=puts / bare.seconds)
        constants = {**speed._asdict(), "page_seconds": page_seconds}
        print("measured:", *(f"{name}={value:.4g}" for name, value in constants.items()), flush=True)
        found = predicted(count, source, speed, page_seconds)
        requests = {kind: ratio(getattr(found.transactions, kind), made.requests[kind]) for kind in KINDS}
        seconds = {"seconds": made.seconds, "predicted": found.seconds, "time": found.seconds / made.seconds}
        yield name, {"ids": count, **seconds, **requests}


def speed_here(folder: Path, sources: Path) -> tuple[Speed, float]:
    """Return the constants of the model but `queue_per_second`, and the seconds of a page."""
    with stack_of(SMALL, folder / "small", sources) as stack:
        least, raw = warm_run(stack), run(stack, "demo")
    with stack_of(BATCH, folder / "batch", sources) as stack:
        batch = warm_run(stack)
        reading, sending = parts(stack)
    with stack_of(BATCHES * BATCH, folder / "batches", sources) as stack:
        batches = warm_run(stack)
    more = BATCHES - 1
    cpu_per_id = max(0.0, batches.cpu_seconds - batch.cpu_seconds) / (more * BATCH)
    slowest = max(reading, sending, BATCH * cpu_per_id)
    speed = Speed(
        account_per_second=float("inf"),
        cpu_per_id=cpu_per_id,
        cpu_per_put=max(0.0, raw.cpu_seconds - least.cpu_seconds) / SMALL,
        chunk_seconds=sending * CHUNKS_AT_ONCE / (BATCH / CHUNK),
        window_seconds=max(0.0, (batches.seconds - batch.seconds) / more - slowest),
        start_and_end_seconds=least.seconds,
    )
    return speed, reading / (BATCH / PAGE_ITEMS)


def warm_run(stack: Stack) -> Ran:
    """Run twice, and return the second run: the first is slower, and takes a third more CPU time."""
    run(stack, "packed")
    return run(stack, "packed")


def parts(stack: Stack) -> tuple[float, float]:
    """Return how many seconds the run of one batch read, and how many seconds it sent, from its log records."""
    records = map(json.loads, (stack.folder / "devhost.jsonl").read_text(encoding="utf-8").splitlines())
    at = {one["action"]: datetime.fromisoformat(one["time"]) for one in records if "action" in one}
    began, read, ended = (at[action] for action in ("run_started", "batch_fetched", "run_ended"))
    return (read - began).total_seconds(), (ended - read).total_seconds()


def predicted(count: int, source: str, speed: Speed, page_seconds: float) -> Capacity:
    """Return the model's prediction for a run with one worker."""
    named = {"AzureWebJobsStorage__accountName": "here", "SLUICE_MESSAGE_FORMAT": "raw" if source == "demo" else source}
    work = Work(count, ITEM_BYTES, ceil(count / PAGE_ITEMS), page_seconds)
    return capacity(work, load_settings(named), workers=1, speed=speed)


@contextmanager
def stack_of(ids: int, folder: Path, sources: Path) -> Iterator[Stack]:
    """Start everything that a run needs, with an Azurite that logs its requests."""
    api = ApiSettings(ids=ids, page_size=PAGE_ITEMS)
    with (
        Azurite(folder / "azurite", in_memory=True, logs_requests=True) as azurite,
        Stack(api, folder=folder, azurite=azurite, environment={"SLUICE_SOURCES": str(sources)}) as stack,
    ):
        yield stack


def run(stack: Stack, source: str) -> Ran:
    """Run once, follow the run without requests to storage, and return what it took."""
    log, worker = stack.azurite.log, stack.app_pids[-1]
    begun, cpu = log.stat().st_size, cpu_seconds_of(worker)
    with httpx.Client(base_url=stack.devhost.url, timeout=30) as http:
        started = http.post("/api/runs", json={"source": source}).raise_for_status().json()
        while http.get(started["statusQueryGetUri"]).json()["runtimeStatus"] not in ("Completed", "Failed"):
            time.sleep(POLL_SECONDS)
        cpu = cpu_seconds_of(worker) - cpu
        with log.open(encoding="utf-8") as text:
            text.seek(begun)
            requests = counted(text)
        run = http.get(f"/api/runs/{started['id']}").raise_for_status().json()
    if run["status"] != "completed":
        raise RunError(f"the run ended as {run['status']}: {run['report'] or run['error']}")
    return Ran(float(run["report"]["seconds"]), cpu, requests)


def counted(lines: Iterable[str]) -> Counter[str]:
    """Count the requests in Azurite's log by the kinds of the model."""
    found: Counter[str] = Counter()
    for method, url in re.findall(r'"([A-Z]+) (\S+) HTTP', "".join(lines)):
        parts = urlsplit(url)
        query, place = parse_qs(parts.query), parts.path.strip("/").split("/")
        done = (query.get("comp") or query.get("restype") or [""])[0]
        if (method == "POST" and place[-1] == "messages") or (method == "PUT" and len(place) == 2 and not done):
            found["queue"] += 1
        elif kind := BLOB_KINDS.get((method, done)):
            found[kind] += 1
    return found


def ratio(predicted: float, measured: int) -> float:
    """Return predicted divided by measured; 1 if both differ by at most three."""
    if abs(predicted - measured) <= FEW:
        return 1.0
    return predicted / max(1, measured)


def bad(rows: Sequence[Row]) -> list[str]:
    """Return the ratios whose median is outside the limits."""
    found = []
    for contestant in dict.fromkeys(str(row["contestant"]) for row in rows):
        for column in ("time", *KINDS):
            middle = median(float(row[column]) for row in rows if row["contestant"] == contestant)
            if not LOWEST <= middle <= HIGHEST:
                found.append(f"{contestant}_{column}={middle:.3g}")
    return found


def table(rows: Sequence[Row]) -> str:
    """Return the table, and the sentence that says whether the model holds."""
    outside = bad(rows)
    said = f"OUTSIDE of {LOWEST} to {HIGHEST}: {', '.join(outside)}." if outside else "Every median is within a fifth."
    return f"{findings.table(rows)}\n\n{said}"


def line(rows: Sequence[Row]) -> str:
    """Return the pairs of the BENCH line."""
    return f"{findings.bench_line(rows, ('time', *KINDS), RATIOS)} outside={','.join(bad(rows)) or 'none'}"
