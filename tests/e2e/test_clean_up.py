"""What is left of a run in storage: the ledger, the spool of what failed, and after a purge nothing."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ingestion.open_storage import open_storage
from ingestion.run.clean_up import sweep
from ingestion.run.ledger import Ledger
from ingestion.run.lock import locked
from ingestion.run.request import read_request, request_blob, run_of
from ingestion.run.run_state import PAUSE
from ingestion.settings import load_settings
from tests.e2e.rig import Rig

LEDGER = {"report.json", "request.json", "state.json", "timeline.ndjson"}
START = re.compile(r"^\d{8}T\d{6}-[0-9a-f]{8}/")
FAR_AHEAD = timedelta(days=400)


def left(rig: Rig, prefix: str = "runs/run/") -> set[str]:
    """Return the blobs below a prefix, without the folder of the start."""
    return {START.sub("", name.removeprefix(prefix)) for name in rig.blobs() if name.startswith(prefix)}


def test_of_a_run_that_completed_the_ledger_is_left(rig: Rig) -> None:
    with rig.host() as host:
        host.start()
        host.wait()
        assert left(rig) == LEDGER
        report = rig.blob(rig.ledger("report.json"))
        assert (report["outcome"], report["run_id"], report["attempt"]) == ("completed", "run", 0)
        assert rig.blob(rig.ledger("state.json"))["state"]["done"]["enqueued"] == report["enqueued"]
        assert rig.blob("runs/run/request.json")["asked"]["source"] == "demo"


def test_of_the_spool_the_chunks_that_failed_stay_until_they_are_done(rig: Rig) -> None:
    rig.refused = {11}
    with rig.host() as host:
        host.start(tolerated_failures="50%")
        host.wait()
        kept = {name.partition("-")[0] for name in left(rig)}
        assert kept == LEDGER | {"chunks/00000011", "checkpoints/00000011.json", "failed/0000.ndjson"}
        rig.refused = ()
        host.ask("redrive")
        host.wait()
        assert left(rig) == LEDGER | {"failed/0000.ndjson", "redo/0001.ndjson"}


def test_a_purge_takes_instance_ledger_and_spool_together_and_the_run_id_is_free_again(rig: Rig) -> None:
    rig.refused = {11}
    with rig.host() as host:
        host.start(tolerated_failures="50%")
        host.wait()
        answer = host.http.delete("/api/runs/run")
        assert (answer.status_code, answer.json()["instances_deleted"]) == (200, 1)
        assert (left(rig), left(rig, "index/")) == (set(), set())
        assert host.http.get("/api/runs/run").status_code == 404
        assert host.http.delete("/api/runs/run").status_code == 404
        assert host.start(chunk_size=50).status_code == 202
        assert host.wait()["report"]["chunks_done"] == 12


def test_a_run_that_goes_on_is_not_purged(rig: Rig) -> None:
    with rig.host() as host:
        host.start_held(0)
        assert host.http.delete("/api/runs/run").status_code == 409
        rig.gate.open()
        assert host.wait()["status"] == "completed"


def test_ledgers_are_swept_when_nothing_of_them_has_changed_for_so_long(rig: Rig) -> None:
    with rig.host() as host:
        host.start()
        host.wait()
        assert host.sweep(datetime.now(UTC) - timedelta(days=1)) == []
        assert host.sweep(datetime.now(UTC) + FAR_AHEAD) == ["run"]
        assert (left(rig), left(rig, "index/")) == (set(), set())


@pytest.mark.parametrize("what", ["paused", "suspended", "terminated"])
def test_a_run_that_has_not_closed_its_ledger_is_never_swept(rig: Rig, what: str) -> None:
    with rig.host(time_flies=False) as host:
        urls = host.start_held(8).json()
        if what == "paused":
            host.ask("pause")
        elif what == "suspended":
            host.http.post(urls["suspendPostUri"].replace("{text}", "")).raise_for_status()
        else:
            host.terminate()
        rig.gate.open()
        host.app.rest()
        assert host.look()["status"] == what
        before = left(rig)
        assert host.sweep(datetime.now(UTC) + FAR_AHEAD) == []
        assert left(rig) == before


def test_a_pause_that_came_too_late_does_not_keep_a_run_from_being_swept(rig: Rig) -> None:
    with rig.host() as host:
        host.start_held(22)
        rig.command(PAUSE)
        rig.gate.open()
        assert host.wait()["status"] == "completed"
        assert host.sweep(datetime.now(UTC) + FAR_AHEAD) == ["run"]


def test_a_run_that_is_redriven_during_the_sweep_is_not_deleted(rig: Rig) -> None:
    with rig.host() as host:
        host.start()
        host.wait()

        async def redriven_first() -> list[str]:
            container = open_storage(load_settings()).container
            async with locked(container, "run"):
                sweeping = asyncio.create_task(sweep(container, datetime.now(UTC) + FAR_AHEAD))
                ledger = Ledger(container, run_of(await read_request(container, "run") or {}))
                state = await ledger.state()
                assert state is not None
                await ledger.record_state(replace(state, attempt=1, window=0), "now")
            return await sweeping

        before = left(rig)
        assert host.app.call(redriven_first()) == []
        assert left(rig) == before


def test_what_a_deletion_has_left_is_swept_when_it_is_old(rig: Rig) -> None:
    with rig.host() as host:
        host.start()
        host.wait()

        async def lose_request() -> None:
            await request_blob(open_storage(load_settings()).container, "run").delete_blob()

        host.app.call(lose_request())
        assert host.sweep(datetime.now(UTC) - timedelta(days=1)) == []
        assert left(rig) == LEDGER - {"request.json"}
        assert host.sweep(datetime.now(UTC) + FAR_AHEAD) == ["run"]
        assert left(rig) == set()
