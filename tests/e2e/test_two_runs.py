"""Two runs that start together on one worker progress together, in real time."""

import json
import time
from pathlib import Path

from local.demo.run_client import ENDED, RunClient
from local.demo.settings import ApiSettings
from tests.e2e.conftest import MakeStack

CHUNKS, CHUNK_SIZE = 50, 200
AT_FIRST = 5  # chunks that one worker sends at once, and so the possible lead of a run while the other has none
PATIENCE_SECONDS = 300.0


def finished(records: Path) -> list[str]:
    """Return the run of each chunk on the queue, in the order of arrival."""
    shown = (json.loads(line) for line in records.read_text(encoding="utf-8").splitlines())
    return [record["run_id"] for record in shown if record.get("action") == "chunk_enqueued"]


def ahead(order: list[str]) -> int:
    """Return by how many chunks, at worst, a run was ahead of twice the other, until one ended."""
    worst, done = 0, dict.fromkeys(order, 0)
    assert len(done) == 2
    for run_id in order:
        done[run_id] += 1
        less, more = sorted(done.values())
        worst = max(worst, more - 2 * less)
        if more == CHUNKS:
            break
    return worst


def test_two_runs_that_start_together_advance_together(make_stack: MakeStack) -> None:
    ids = CHUNKS * CHUNK_SIZE
    with make_stack(ApiSettings(ids=ids)) as stack, RunClient(stack.devhost.url) as client:
        runs = [client.start(source="demo", chunk_size=CHUNK_SIZE) for _ in range(2)]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not all((shown := client.status(run))["status"] in ENDED for run in runs):
            assert time.monotonic() < deadline, shown
            time.sleep(0.5)
        reports = [client.status(run)["report"] for run in runs]
        order = finished(stack.folder / "devhost.jsonl")
    assert [(it["outcome"], it["enqueued"], it["possible_duplicates"]) for it in reports] == [("completed", ids, 0)] * 2
    assert len(order) == 2 * CHUNKS
    assert ahead(order) <= AT_FIRST
