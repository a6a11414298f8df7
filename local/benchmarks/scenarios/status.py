"""Watching a run: how long its count of messages seems to stand still, and what it costs to read the progress.

`run` is a whole run on devhost, whose status is polled four times a second. `gap_seconds` is the longest time between
two changes of its enqueued count, from the first answer with fetched messages to the first answer with all of them;
`cpu_ms` is the app's CPU time for each second of the run. `look` is one reading of the progress of a window: of its 20
chunks this process sends five. The polls ask about a paused run: `fresh` gets a new answer, `between` gets a stored
answer, and `known` sends the ETag and gets 304; `cpu_ms` is then the CPU time of the worker process. `percent` is the
share of the run's CPU time, for one look or poll a second.
"""

import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import httpx

from clients.progress import look_at_checkpoints
from ingestion import clock
from ingestion.contracts import Chunk, Chunks, Run, RunRequest
from ingestion.open_storage import close_storage, open_storage
from ingestion.run.run_state import start
from ingestion.sending.accounting import Accounts
from ingestion.settings import load_settings
from ingestion.storage.checkpoint import CheckpointFile
from local.benchmarks.contestant import Meter, apart
from local.benchmarks.findings import Figures
from local.demo.run_client import ENDED, RunClient, RunError, Status
from local.demo.settings import ApiSettings
from local.demo.stack import Stack
from local.demo.usage import cpu_seconds_of
from local.emulator import Azurite

SIZE = 200_000  # ids
REPEATS = 3
COLUMNS = ("gap_seconds", "cpu_ms", "percent")
RATIOS: dict[str, tuple[str, ...]] = {}
POLL_SECONDS = 0.25
ROUNDS, BETWEEN = 20, 10  # seconds, and how many polls of each other kind follow the fresh one in a second
LOOKS = 100
CHUNK_SIZE, BEFORE, WINDOW, AT_ONCE = 5_000, 20, 20, 5  # chunks: of earlier windows, of this window, under way


def measure(size: int, repeat: int, folder: Path) -> Iterator[tuple[str, Figures]]:
    with Azurite(folder / "azurite", in_memory=True) as azurite:
        look_ms = float(apart(look, connection=azurite.connection_string).notes["cpu_ms"])
    with Stack(ApiSettings(ids=size)) as stack:
        gap, run_ms = watched(stack, size)
        polls = polled(stack)
    yield "run", {"gap_seconds": gap, "cpu_ms": run_ms, "percent": 100.0}
    for name, cpu_ms in {"look": look_ms, **polls}.items():
        yield name, {"gap_seconds": 0, "cpu_ms": cpu_ms, "percent": 100 * cpu_ms / run_ms}


def watched(stack: Stack, size: int) -> tuple[float, float]:
    """Watch a run from start to end; return the longest gap, and the CPU in milliseconds per second."""
    cpu, began = cpu_seconds_of(*stack.app_pids), time.monotonic()
    changes = dict[int, float]()  # maps a count to the time when it was first seen
    with RunClient(stack.devhost.url) as client:
        run_id = client.start(source="demo")
        while (status := client.status(run_id))["status"] not in ENDED:
            note(changes, status)
            time.sleep(POLL_SECONDS)
    note(changes, status)
    seconds = time.monotonic() - began
    if status["status"] != "completed" or max(changes) != size:
        raise RunError(f"the run ended as {status['status']}: {status['report'] or status['error']}")
    gap = max(later - sooner for sooner, later in itertools.pairwise(changes.values()))
    return gap, 1000 * (cpu_seconds_of(*stack.app_pids) - cpu) / seconds


def note(changes: dict[int, float], status: Status) -> None:
    """Record when each count of enqueued messages first appeared, from the first fetched messages on."""
    progress = status["report"] or status["progress"] or {}
    if progress.get("fetched"):
        changes.setdefault(progress["enqueued"], time.monotonic())


def polled(stack: Stack) -> dict[str, float]:
    """Pause a run; return the worker's CPU in milliseconds for each kind of poll."""
    worker = stack.app_pids[-1]
    costs: dict[str, list[float]] = {"fresh": [], "between": [], "known": []}
    with RunClient(stack.devhost.url) as client, httpx.Client(base_url=f"{stack.devhost.url}/api") as http:
        run = f"/runs/{client.start(source='demo')}"
        until(http, run, lambda status: bool((status["progress"] or {}).get("enqueued")))
        http.post(f"{run}/pause").raise_for_status()
        until(http, run, lambda status: status["status"] == "paused")

        def poll(kind: str, **headers: str) -> httpx.Response:
            before = cpu_ms_of(worker)
            answer = http.get(run, headers=headers)
            time.sleep(0.01)  # work after the answer counts too
            costs[kind].append(cpu_ms_of(worker) - before)
            return answer

        for _ in range(ROUNDS):
            time.sleep(1.1)
            etag = poll("fresh").headers.get("ETag", "")
            for _ in range(BETWEEN):
                poll("between")
            for _ in range(BETWEEN):
                poll("known", **{"If-None-Match": etag})
        http.post(f"{run}/cancel").raise_for_status()
        until(http, run, lambda status: status["status"] in ENDED)
    return {kind: median(each) for kind, each in costs.items()}


def until(http: httpx.Client, run: str, is_there: Callable[[Status], bool]) -> None:
    """Poll the status of a run until `is_there` accepts it."""
    while not is_there(http.get(run).raise_for_status().json()):
        time.sleep(POLL_SECONDS)


def cpu_ms_of(pid: int) -> float:
    """Return the CPU time of all threads of a process, finer than in ticks; Linux only."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1_000_000


async def look(meter: Meter, connection: str) -> None:
    """Read the progress of a window: this process sends five of its chunks, and the other chunks have not begun."""
    os.environ.update({"AzureWebJobsStorage": connection, "SLUICE_CONTAINER": "status"})
    storage, run = open_storage(load_settings()), Run("run", "20260101T000000-aa")
    await storage.prepare()
    for number in range(BEFORE + AT_ONCE):
        await CheckpointFile(storage.container, run, Chunk(number, "aa")).claim(CHUNK_SIZE, unknown=1_000)
    request = RunRequest(source="demo", chunk_size=CHUNK_SIZE, chunks_per_batch=WINDOW)
    begun = start(run, request, "2026-01-01T00:00:00+00:00")
    state = replace(begun, chunks=BEFORE + WINDOW, spooled=(Chunks("aa", f"{BEFORE}-{BEFORE + WINDOW - 1}"),))
    moments = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number) for number in range(LOOKS))
    clock.now = lambda: next(moments)  # one second between two looks
    with ExitStack() as sent:
        for number in range(BEFORE, BEFORE + AT_ONCE):
            sent.enter_context(storage.tally.counting(run, number, Accounts(CHUNK_SIZE, ((0, 1_000),), {})))
        with meter:
            for _ in range(LOOKS):
                found = await look_at_checkpoints(state)
                assert len(found) == AT_ONCE, found
    meter.notes["cpu_ms"] = 1000 * meter.cpu_seconds / LOOKS
    await close_storage()
