"""A worker process dies in a turn of the orchestrator, as on the real host: the run completes without help."""

from datetime import timedelta

from azure.storage.blob import BlobClient, BlobLeaseClient

from tests.e2e.rig import IDS, Rig

CHUNK, CHUNKS_AT_ONCE, DEATHS = 25, 5, 2  # the third death would end the host


def let_lock_run_out(rig: Rig) -> None:
    """Break the lock of a keeper that died with the worker, as a minute does; storage has no virtual time."""
    with BlobClient.from_connection_string(rig.azurite.connection_string, rig.name, "runs/run/request.json") as blob:
        if blob.get_blob_properties().lease.state == "leased":
            BlobLeaseClient(blob).break_lease(0)


def test_a_run_in_whose_turns_the_worker_dies_completes_with_no_call_from_outside(rig: Rig) -> None:
    rig.settings = {"SLUICE_KEEPER_SECONDS": "60"}
    with rig.host(worker_process=True) as host:
        host.app.strike(lambda worker: worker.exit_in_turn())
        # The start's own answer dies with the worker if the first turn comes sooner.
        assert host.start().status_code in (202, 500)
        for death in range(DEATHS):
            assert host.wait()["status"] == "lost"
            for look in range(2):
                if look == 1 and death + 1 < DEATHS:
                    host.app.strike(lambda worker: worker.exit_in_turn())
                let_lock_run_out(rig)
                host.app.advance(timedelta(minutes=1))
                host.app.rest()
        run = host.wait()
    assert (run["status"], run["report"]["enqueued"]) == ("completed", IDS)
    causes = [one["cause"] for one in run["report"]["recoveries"]]
    assert causes == ["Failed: One or more errors occurred. (python exited with code 137 (0x89))"] * DEATHS
    found = rig.read_back()
    assert (found.lost, found.foreign, found.unique) == (0, 0, IDS)
    assert found.duplicates <= DEATHS * CHUNKS_AT_ONCE * CHUNK
