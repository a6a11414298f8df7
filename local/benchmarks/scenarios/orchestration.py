"""The orchestrator's cost for each chunk in runs of 40, 400 and 4,000 chunks, compared with a fan-out of all at once.

SIZE counts chunks of 5,000 ids: 4,000 chunks are 20 million ids. The real orchestrator runs on devhost; its activities
are stubs that take some milliseconds, and devhost replays for each group of completions, as when a chunk takes seconds.
`episodes` is the number of replays of a run. `cpu_ms_per_chunk` is the CPU time of the SDK and the orchestrator in all
these replays. `history_bytes_per_chunk` is the size of the histories of all generations, `longest_history_bytes` the
longest history that a single replay read. Small runs are repeated until together they have a tenth of SIZE. A
contestant that passes `LIMIT_SECONDS` gives up: its columns are 0, and it does not try more chunks.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from local.benchmarks.contestant import Meter, apart
from local.benchmarks.findings import Figures
from local.benchmarks.results import ROOT

SIZE = 4_000
REPEATS = 3
COLUMNS = ("cpu_ms_per_chunk", "history_bytes_per_chunk", "longest_history_bytes")
RATIOS = {f"{column}_ratio": (column, f"ingest_run {SIZE}", f"ingest_run {SIZE // 100}") for column in COLUMNS[:2]}
CHUNK_SIZE = 5_000
CHUNKS_PER_BATCH = 20
LIMIT_SECONDS = 40.0
APP = Path(__file__).parents[1] / "apps" / "orchestration"


def measure(size: int, repeat: int, folder: Path) -> Iterator[tuple[str, Figures]]:
    for contestant in ("ingest_run", "fan_out", "ids_in_payload"):
        for chunks in (size // 100, size // 10, size):
            meter = apart(run, orchestrator=contestant, chunks=chunks, times=max(1, size // 10 // chunks))
            yield f"{contestant} {chunks}", {"chunks": chunks, **meter.notes}
            if not meter.notes["finished"]:
                break


def run(meter: Meter, orchestrator: str, chunks: int, times: int) -> None:
    """Run the orchestrator `times` times, one run after another, on one devhost."""
    os.environ |= {"BENCH_CHUNKS": str(chunks), "TASKHUB_NAME": "Sluice"}
    seen = watched_replays()
    from ingestion.contracts import Run, RunRequest
    from ingestion.run.run_state import start
    from ingestion.wire import to_wire
    from local.devhost.testing import running_app

    request = RunRequest(source="bench", chunk_size=CHUNK_SIZE, chunks_per_batch=CHUNKS_PER_BATCH)
    state = to_wire(start(Run("bench", "20260101T000000-aa"), request, "2026-01-01T00:00:00+00:00"))
    with TemporaryDirectory() as name, running_app(app_in(Path(name)), state_file=Path(name) / "devhost.db") as app:
        finished = True
        with meter:
            for _ in range(times):
                run_id = app.start(orchestrator, state)
                finished = finished and wait(app, run_id)
        if finished:
            result = app.result(run_id)
            enqueued = result["enqueued"] if isinstance(result, dict) else result
            assert enqueued == chunks * CHUNK_SIZE, result
    all_chunks = chunks * times
    meter.notes |= {"finished": int(finished), "seconds": round(meter.seconds / times, 3)}
    meter.notes |= (
        dict.fromkeys(("episodes", *COLUMNS), 0)
        if not finished
        else {
            "episodes": round(seen["episodes"] / times),
            "cpu_ms_per_chunk": round(1000 * seen["cpu_seconds"] / all_chunks, 4),
            "history_bytes_per_chunk": round(seen["history_bytes"] / all_chunks, 1),
            "longest_history_bytes": round(seen["longest_history_bytes"]),
        }
    )


def app_in(folder: Path) -> Path:
    """Return a folder with the stubs and the app's own host.json."""
    copy = shutil.copytree(APP, folder / "app")
    shutil.copy(ROOT / "host.json", copy)
    return copy


def wait(app: Any, run_id: str) -> bool:
    """Wait for the end of a run; return False if the run does not end within the limit."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        if app.call(app.hub.get(run_id)).is_terminal:
            return True
        time.sleep(0.1)
    return False


def watched_replays() -> dict[str, float]:
    """Measure devhost's replays in this process from now on; return the sums over all executions."""
    from local.devhost.hub import dispatcher
    from local.devhost.orchestration.replay import replay
    from local.devhost.worker import worker

    seen = dict.fromkeys(("episodes", "cpu_seconds", "history_bytes", "longest_history_bytes"), 0.0)
    known: dict[str, tuple[int, int]] = {}  # events and bytes of each execution; its history only grows

    def watched(orchestrator: Any, history: Any, input_type: Any) -> Any:
        execution = history[1]["OrchestrationInstance"]["ExecutionId"]
        events, size = known.get(execution, (0, 0))
        more = sum(len(json.dumps(event)) for event in history[events:])
        known[execution] = (len(history), size + more)
        seen["history_bytes"] += more
        seen["longest_history_bytes"] = max(seen["longest_history_bytes"], size + more)
        seen["episodes"] += 1
        seen["cpu_seconds"] -= time.thread_time()
        answer = replay(orchestrator, history, input_type)
        seen["cpu_seconds"] += time.thread_time()
        return answer

    worker.replay = watched  # type: ignore[assignment, attr-defined]
    dispatcher._LONGEST_PAUSE_SECONDS = 0.0  # as with chunks that take seconds
    return seen
