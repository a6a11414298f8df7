"""A worker process that dies in a turn of the orchestrator, as on the real host: the run completes by itself."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobClient, BlobLeaseClient

from local.demo.readback import read_back
from local.emulator import Azurite
from tests.app_host import sluice
from tests.e2e.conftest import IDS

CHUNK, CHUNKS_AT_ONCE = 25, 5


def let_lock_run_out(azurite: Azurite, container: str) -> None:
    """What a minute does to the lock of a keeper that died with the worker; virtual time does not reach the storage."""
    with BlobClient.from_connection_string(azurite.connection_string, container, "runs/run/request.json") as blob:
        if blob.get_blob_properties().lease.state == "leased":
            BlobLeaseClient(blob).break_lease(0)


def test_a_run_in_whose_turns_the_worker_dies_completes_with_no_call_from_outside(
    azurite: Azurite, queue_name: str, small_api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {
        "AzureWebJobsStorage": azurite.connection_string,
        "SLUICE_DEMO_URL": small_api,
        "SLUICE_QUEUE": queue_name,
        "SLUICE_CONTAINER": queue_name,
        "SLUICE_CHUNKS_PER_BATCH": "8",
        "SLUICE_KEEPER_SECONDS": "60",
    }
    deaths = 2  # the third one would end the host
    with sluice(monkeypatch, tmp_path, worker_process=True, **settings) as (app, http):
        app.strike(lambda worker: worker.exit_in_turn())
        http.timeout = 60.0
        # The start's own answer dies with the worker if the first turn comes sooner.
        answer = http.post("/api/runs", json={"source": "demo", "run_id": "run", "chunk_size": CHUNK})
        assert answer.status_code in (202, 500)
        for death in range(deaths):
            assert app.wait("run").status == "Failed"
            assert http.get("/api/runs/run").json()["status"] == "lost"
            for look in range(2):
                if look == 1 and death + 1 < deaths:
                    app.strike(lambda worker: worker.exit_in_turn())
                let_lock_run_out(azurite, queue_name)
                app.advance(timedelta(minutes=1))
                app.rest()
        assert app.wait("run").status == "Completed"
        run = http.get("/api/runs/run").json()
    assert (run["status"], run["report"]["enqueued"]) == ("completed", IDS)
    causes = [one["cause"] for one in run["report"]["recoveries"]]
    assert causes == ["Failed: One or more errors occurred. (python exited with code 137 (0x89))"] * deaths
    found = read_back(azurite.connection_string, queue_name, small_api)
    assert (found.lost, found.foreign, found.unique) == (0, 0, IDS)
    assert found.duplicates <= deaths * CHUNKS_AT_ONCE * CHUNK
