"""A run starts once, for any number of requests at once and any crash in between."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from azure.storage.blob import BlobClient

from ingestion.open_storage import open_storage
from ingestion.run.request import create_request
from ingestion.settings import load_settings
from tests.e2e.rig import ALL_ONCE, IDS, Host, Rig

BODY = {"source": "demo", "run_id": "run", "chunk_size": 25}


def instances(host: Host) -> int:
    return len(host.http.get("/runtime/webhooks/durabletask/instances").json())


def write_request_only(rig: Rig, host: Host) -> None:
    """Leave what a start leaves that crashed before it created the instance."""
    request = {
        "run_id": "run",
        "start": "20260101T000000-aa",
        "started_at": "2026-01-01T00:00:00+00:00",
        "asked": {"source": "demo", "chunk_size": 25, "total_is_exact": False},
        "request": {"source": "demo", "chunk_size": 25, "chunks_per_batch": 8},
    }

    async def write() -> None:
        storage = open_storage(load_settings())
        await storage.prepare()
        await create_request(storage.container, request)

    host.app.call(write())


def test_fifty_starts_at_once_make_one_run(rig: Rig) -> None:
    with rig.host() as host:
        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(lambda _: host.start(), range(50)))
        assert {answer.status_code for answer in answers} <= {200, 202}
        assert len({answer.json()["statusQueryGetUri"] for answer in answers}) == 1
        run = host.wait()
        assert (instances(host), run["report"]["enqueued"], run["report"]["redrives"]) == (1, IDS, 0)
        assert rig.read_back() == ALL_ONCE


def test_a_start_that_crashed_before_the_instance_was_made_is_made_up_for_by_the_next(rig: Rig) -> None:
    with rig.host() as host:
        write_request_only(rig, host)
        assert instances(host) == 0
        assert host.look()["status"] == "lost"
        assert host.start().status_code == 202
        run = host.wait()
        assert (run["status"], run["started_at"]) == ("completed", "2026-01-01T00:00:00+00:00")


def test_a_start_that_crashed_with_the_lock_is_made_up_for_when_the_lock_has_run_out(rig: Rig) -> None:
    with rig.host() as host:
        write_request_only(rig, host)
        blob = BlobClient.from_connection_string(rig.azurite.connection_string, rig.name, "runs/run/request.json")
        lease = blob.acquire_lease(lease_duration=15)

        async def crash_is_over() -> None:
            await asyncio.to_thread(lease.break_lease, 0)

        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(host.start)
            host.app.call(crash_is_over())
            assert answer.result().status_code == 202
        assert host.wait()["status"] == "completed"


def test_a_run_that_has_ended_is_not_started_again_even_when_its_history_is_gone(rig: Rig) -> None:
    with rig.host() as host:
        host.start()
        host.wait()
        host.purge_history()
        assert host.start().status_code == 200
        assert instances(host) == 0
        run = host.look()
        assert (run["status"], run["report"]["enqueued"]) == ("completed", IDS)


def test_a_start_after_the_sweep_sends_everything_though_the_history_of_the_run_before_is_still_there(
    rig: Rig,
) -> None:
    with rig.host() as host:
        host.start()
        assert host.wait()["report"]["enqueued"] == IDS
        assert host.sweep(datetime.now(UTC) + timedelta(days=400)) == ["run"]
        assert instances(host) == 1
        assert host.start().status_code == 202
        assert host.wait()["report"]["enqueued"] == IDS
        found = rig.read_back()
        assert (found.lost, found.enqueued) == (0, 2 * IDS)
