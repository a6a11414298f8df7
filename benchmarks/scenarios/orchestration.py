"""What a run costs its orchestrator per chunk, with 40, 400 and 4,000 chunks, beside fanning out all at once.

SIZE counts chunks of 5,000 ids: 4,000 are 20 million. The real orchestrator runs on devhost; its activities are stubs
that take `ACTIVITY_SECONDS`, and devhost replays for each group of completions, as it does when a chunk takes seconds.
`cpu_ms_per_chunk` is the time of the SDK and the orchestrator in all replays of a run;
`history_bytes` is the longest history that any replay had to read. A contestant that passes `LIMIT_SECONDS` gives up,
and is not tried with more chunks.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.contestant import Meter, apart
from benchmarks.findings import Findings, Row, median, of

SIZE = 4_000
REPEATS = 3
CHUNK_SIZE = 5_000
CHUNKS_PER_BATCH = 20
ACTIVITY_SECONDS = 0.005  # in truth seconds: what matters is that completions come in ones and twos
LIMIT_SECONDS = 40.0
APP = Path(__file__).parents[1] / "apps" / "orchestration"
CONTESTANTS = ("ingest_run", "fan_out", "ids_in_payload")


def measure(size: int, repeats: int) -> Findings:
    rows: list[Row] = []
    for repeat in range(repeats):
        for contestant in CONTESTANTS:
            for chunks in (size // 100, size // 10, size):
                meter = apart(run, orchestrator=contestant, chunks=chunks)
                rows.append({"contestant": f"{contestant} {chunks}", "repeat": repeat, "chunks": chunks, **meter.notes})
                print(*rows[-1].values(), flush=True)
                if meter.notes["finished"] == 0:
                    break
    return Findings(rows=rows, line=_line(rows, size))


def _line(rows: list[Row], size: int) -> Row:
    line: Row = {"chunks": size, "ids": size * CHUNK_SIZE}
    for contestant in CONTESTANTS:
        for chunks in (size // 100, size // 10, size):
            name = f"{contestant} {chunks}"
            if 1 in of(rows, name, "finished"):
                line[f"{contestant}_cpu_ms_per_chunk_{chunks}"] = median(of(rows, name, "cpu_ms_per_chunk"))
                line[f"{contestant}_history_bytes_{chunks}"] = round(median(of(rows, name, "history_bytes")))
    for column in ("cpu_ms_per_chunk", "history_bytes"):
        least, most = (line[f"ingest_run_{column}_{chunks}"] for chunks in (size // 100, size))
        line[f"{column}_ratio"] = float(most) / float(least)
    return line


def run(meter: Meter, orchestrator: str, chunks: int) -> None:
    """One run on a devhost of its own."""
    os.environ |= {
        "BENCH_CHUNK_SIZE": str(CHUNK_SIZE),
        "BENCH_CHUNKS": str(chunks),
        "BENCH_ACTIVITY_SECONDS": str(ACTIVITY_SECONDS),
    }
    seen = watched_replays()
    from devhost.testing import running_app
    from ingestion.contracts import RunRequest, to_wire
    from ingestion.run.run_state import start

    request = RunRequest(source="bench", chunk_size=CHUNK_SIZE, chunks_per_batch=CHUNKS_PER_BATCH)
    state = to_wire(start(request, "2026-01-01T00:00:00+00:00"))
    with TemporaryDirectory() as folder, running_app(APP, state_file=Path(folder) / "devhost.db") as app:
        with meter:
            run_id = app.start(orchestrator, state)
            ended = wait(app, run_id)
        if ended:
            result = app.result(run_id)
            enqueued = result["enqueued"] if isinstance(result, dict) else result
            assert enqueued == chunks * CHUNK_SIZE, result
    meter.notes |= {
        "finished": int(ended),
        "seconds": round(meter.seconds, 3),
        "episodes": seen.episodes,
        "cpu_ms_per_chunk": round(1000 * seen.cpu_seconds / chunks, 4),
        "history_bytes": seen.history_bytes,
    }


def wait(app: Any, run_id: str) -> bool:
    """Wait for the end of a run; False if it does not come within the limit."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        if app.call(app.hub.get(run_id)).is_terminal:
            return True
        time.sleep(0.1)
    return False


@dataclass(slots=True)
class Seen:
    """What the replays of a process came to."""

    episodes: int = 0
    cpu_seconds: float = 0.0
    history_bytes: int = 0


def watched_replays() -> Seen:
    """Make devhost's replays count from now on."""
    from devhost import dispatcher
    from devhost.replay import Replay, ReplayRequest, replay

    seen = Seen()
    known: dict[str, tuple[int, int]] = {}  # events and bytes of each execution: its history only ever grows

    def watched(request: ReplayRequest) -> Replay:
        history = request.history
        execution = history[1]["OrchestrationInstance"]["ExecutionId"]
        events, size = known.get(execution, (0, 0))
        size += sum(len(json.dumps(event)) for event in history[events:])
        known[execution] = (len(history), size)
        seen.history_bytes = max(seen.history_bytes, size)
        seen.episodes += 1
        seen.cpu_seconds -= time.thread_time()
        answer = replay(request)
        seen.cpu_seconds += time.thread_time()
        return answer

    dispatcher.replay = watched  # type: ignore[attr-defined]
    dispatcher._LONGEST_PAUSE_SECONDS = 0.0  # chunks of seconds do not end together: no waiting for more of them
    return seen
