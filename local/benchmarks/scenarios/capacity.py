"""The capacity model against real runs: predict time and requests from constants measured right before, then run.

SIZE counts ids of the run in raw format; the packed run has ten times as many. Each repeat first measures what the
model needs on this machine: the puts that Azurite takes from a bare loop, the CPU of the worker for each id and each
put, and what a second batch adds to a packed run of one batch. That, over the pages of a batch, is the seconds of a
page: API, Azurite and app share the cores of this machine, so a page takes longer while messages are sent. Then
`ingestion.capacity` predicts, and the runs are made, each on a fresh Azurite that logs its requests. A ratio is
predicted to measured; the command fails if the median of one is outside of 0.8 to 1.2. Requests of which there are few
may differ by three. Nobody asks the app for its status while it runs, because that costs requests.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx

from ingestion.capacity.capacity import Capacity, Work, capacity
from ingestion.capacity.speed import Speed
from ingestion.settings import load_settings
from local.benchmarks import findings
from local.benchmarks.contestant import apart
from local.benchmarks.findings import Figures, Row
from local.benchmarks.sending import bare_loop
from local.demo.run_client import RunError
from local.demo.settings import ApiSettings
from local.demo.stack import DEMO_SOURCES, ROOT, Stack
from local.demo.usage import cpu_seconds_of
from local.emulator import Azurite

SIZE = 40_000
REPEATS = 3
COLUMNS = ("seconds",)
RATIOS: dict[str, tuple[str, ...]] = {}
PACKED_TIMES = 10
SMALL, BATCH = 5_000, 100_000  # ids of the small runs
PAGE_ITEMS = 1_000  # of the demo API
WINDOW_SECONDS = 0.063  # devhost: 12.6 s for 200 windows (scenario orchestration)
POLL_SECONDS = 0.1
KINDS = ("queue", "blob_writes", "blob_reads", "blob_lists", "blob_other", "blob_deletes")
LOWEST, HIGHEST, FEW = 0.8, 1.2, 3
BLOB_KINDS = {  # by method, and by `comp` or `restype`
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
    """A run: its report's seconds, the CPU of the worker process, and its requests by kind."""

    seconds: float
    cpu_seconds: float
    requests: Counter[str]


def measure(size: int, repeat: int, folder: Path) -> Iterator[tuple[str, Figures]]:
    sources = folder / "sources.toml"
    described = (ROOT / DEMO_SOURCES).read_text(encoding="utf-8")
    packed = described.partition("# The same ids")[0].replace("[demo", "[packed")
    sources.write_text(f'{described}\n{packed}\n[packed.messages]\nformat = "packed"\n', encoding="utf-8")
    speed, page_seconds = constants(size, folder, sources)
    for name, source, count in (("raw", "demo", size), ("packed", "packed", PACKED_TIMES * size)):
        with stack_of(count, folder / name, sources) as stack:
            ran, item_bytes = run(stack, source), message_bytes(stack)
        found = predicted(count, source, speed, page_seconds, item_bytes)
        expected = {kind: getattr(found.transactions, kind) for kind in KINDS}
        yield (
            name,
            {
                "ids": count,
                "seconds": ran.seconds,
                "predicted": found.seconds,
                "time": found.seconds / ran.seconds,
                **{kind: ratio(expected[kind], ran.requests[kind]) for kind in KINDS},
            },
        )


def constants(size: int, folder: Path, sources: Path) -> tuple[Speed, float]:
    """Measure and return how fast a worker and Azurite are here, and the seconds of a page of a run that also sends."""
    with Azurite(folder / "bare", in_memory=True, logs_requests=True) as azurite:
        queue_per_second = size / apart(bare_loop, connection=azurite.connection_string, count=size).seconds
    with stack_of(SMALL, folder / "small", sources) as stack:
        run(stack, "packed")  # the first one warms up
        least, raw = run(stack, "packed"), run(stack, "demo")
    with stack_of(BATCH, folder / "one", sources) as stack:
        one = run(stack, "packed")
    with stack_of(2 * BATCH, folder / "two", sources) as stack:
        two = run(stack, "packed")
    page_seconds = (two.seconds - one.seconds - WINDOW_SECONDS) / (BATCH / PAGE_ITEMS)
    speed = Speed(
        queue_per_second=queue_per_second,
        account_per_second=float("inf"),
        cpu_per_id=(two.cpu_seconds - one.cpu_seconds) / BATCH,
        cpu_per_put=max(0.0, raw.cpu_seconds - least.cpu_seconds) / SMALL,
        window_seconds=WINDOW_SECONDS,
        start_and_end_seconds=least.seconds,
    )
    told = {**speed._asdict(), "page_seconds": page_seconds}
    print("measured:", *(f"{name}={value:.4g}" for name, value in told.items()), flush=True)
    return speed, page_seconds


def predicted(count: int, source: str, speed: Speed, page_seconds: float, item_bytes: float) -> Capacity:
    """Return the model's prediction for a run with one worker."""
    named = {"AzureWebJobsStorage__accountName": "here", "SLUICE_MESSAGE_FORMAT": "raw" if source == "demo" else source}
    work = Work(count, item_bytes, ceil(count / PAGE_ITEMS), page_seconds)
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


def message_bytes(stack: Stack) -> float:
    """Return the bytes of a message as a line of JSON."""
    first = httpx.get(f"{stack.api.url}/ids", params={"limit": 1}).json()["items"][0]["id"]
    return len(json.dumps(first)) + 1


def ratio(predicted: float, measured: int) -> float:
    """Return the ratio of predicted to measured; 1 if both are small and differ little."""
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
