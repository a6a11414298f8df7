"""What is left of a run in storage: the ledger, the spool of what failed, and after a purge nothing."""

from datetime import UTC, datetime, timedelta

from ingestion.errors import StorageRefused
from ingestion.run.clean_up import sweep
from ingestion.settings import load_settings
from ingestion.storage import open_storage
from tests.e2e.rig import Gate, Host, Rig

REFUSED = StorageRefused("the queue answered HTTP 403 (AuthorizationFailure)")
LEDGER = {"report.json", "request.json", "state.json"}


def left(rig: Rig, run_id: str = "run") -> set[str]:
    prefix = f"runs/{run_id}/"
    return {name.removeprefix(prefix) for name in rig.blobs() if name.startswith(prefix)}


def sweep_as_of(host: Host, moment: datetime) -> list[str]:
    async def work() -> list[str]:
        return await sweep(open_storage(load_settings()).container, moment)

    return host.app.call(work())


def test_of_a_run_that_completed_the_ledger_is_left(rig: Rig) -> None:
    with rig.host() as host:
        host.start()
        host.wait()
        assert left(rig) == LEDGER
        report = rig.blob("runs/run/report.json")
        assert (report["outcome"], report["run_id"], report["attempt"]) == ("completed", "run", 0)
        assert rig.blob("runs/run/state.json")["state"]["totals"]["enqueued"] == report["enqueued"]
        assert rig.blob("runs/run/request.json")["asked"]["source"] == "demo"


def test_the_spool_of_a_batch_with_failed_chunks_stays_until_they_are_done(rig: Rig) -> None:
    rig.fails = lambda batch, chunk: REFUSED if (batch, chunk) == (1, 3) else None
    with rig.host() as host:
        host.start()
        host.wait()
        kept = left(rig)
        assert {name for name in kept if name.startswith("batches/")} == {"batches/000001.ndjson"}
        assert "failed/000001.json" in kept
        rig.fails = lambda batch, chunk: None
        host.ask("redrive")
        host.wait()
        assert left(rig) == LEDGER


def test_a_purge_takes_instance_ledger_and_spool_together_and_the_run_id_is_free_again(rig: Rig) -> None:
    rig.fails = lambda batch, chunk: REFUSED if (batch, chunk) == (1, 3) else None
    with rig.host() as host:
        host.start()
        host.wait()
        answer = host.http.delete("/api/runs/run")
        assert (answer.status_code, answer.json()["instances_deleted"]) == (200, 1)
        assert left(rig) == set()
        assert host.http.get("/api/runs/run").status_code == 404
        assert host.http.delete("/api/runs/run").status_code == 404
        assert host.start(chunk_size=50).status_code == 202
        assert host.wait()["report"]["chunks_done"] == 12


def test_a_run_that_goes_on_is_not_purged(rig: Rig) -> None:
    rig.gate = Gate()
    with rig.host() as host:
        host.start()
        rig.gate.wait_until_reached()
        assert host.http.delete("/api/runs/run").status_code == 409
        rig.gate.open()
        assert host.wait()["status"] == "completed"


def test_ledgers_are_swept_when_nothing_of_them_has_changed_for_so_long_but_not_those_of_paused_runs(rig: Rig) -> None:
    with rig.host(time_flies=False) as host:
        host.start("old")
        host.wait("old")
        rig.gate, rig.gated = Gate(), (1, 0)
        host.start("paused")
        rig.gate.wait_until_reached()
        host.ask("pause", "paused")
        rig.gate.open()
        host.wait_for("paused", "paused")

        assert sweep_as_of(host, datetime.now(UTC) - timedelta(days=1)) == []
        assert sweep_as_of(host, datetime.now(UTC) + timedelta(days=1)) == ["old"]
        assert left(rig, "old") == set()
        assert "control.json" in left(rig, "paused")
