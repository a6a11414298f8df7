"""devhost and the app are killed in the middle of a run: no id is lost, and few are sent twice."""

import json
import time

from ingestion.storage.checkpoint import duplicates_at_most
from local.demo.run_client import RunClient
from local.demo.settings import ApiSettings
from local.demo.stack import ROOT
from tests.e2e.conftest import MakeStack

IDS = 4_000
CHUNK_SIZE = 200
CHECKPOINT_MESSAGES = 50
PATIENCE_SECONDS = 180.0


def chunks_in_flight_at_most() -> int:
    """Return how many activities, and so how many chunks, the host runs at the same time."""
    host = json.loads((ROOT / "host.json").read_text())
    return int(host["extensions"]["durableTask"]["maxConcurrentActivityFunctions"])


def wait_until_half_way(client: RunClient, run_id: str) -> None:
    """Poll the run until some chunks are done, and more chunks are open than can be in flight."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        status = client.status(run_id)
        progress = status["progress"] or {"chunks_done": 0, "chunks_total": 0}
        assert status["status"] in ("pending", "running"), f"the run ended before the kill: {status}"
        if 0 < progress["chunks_done"] < progress["chunks_total"] - chunks_in_flight_at_most():
            return
        time.sleep(0.02)
    raise AssertionError(f"no chunk was done within {PATIENCE_SECONDS} s")


def test_a_run_whose_host_is_killed_goes_on_and_loses_nothing(make_stack: MakeStack) -> None:
    with make_stack(ApiSettings(ids=IDS), SLUICE_CHECKPOINT_MESSAGES=str(CHECKPOINT_MESSAGES)) as stack:
        with RunClient(stack.devhost.url) as client:
            run_id = client.start(source="demo", chunk_size=CHUNK_SIZE)
            wait_until_half_way(client, run_id)
            stack.devhost.kill()

        stack.start_devhost()
        with RunClient(stack.devhost.url) as client:
            status = list(client.follow(run_id, check=stack.check, patience_seconds=PATIENCE_SECONDS))[-1]

        assert status["status"] == "completed"
        assert status["report"]["enqueued"] == IDS
        found = stack.read_back()
        assert (found.lost, found.foreign, found.unique) == (0, 0, IDS)
        assert found.duplicates <= duplicates_at_most(
            crashes=1, chunks_in_flight=chunks_in_flight_at_most(), checkpoint_messages=CHECKPOINT_MESSAGES
        )
        assert found.enqueued == IDS + found.duplicates
