"""What one look of the keeper costs in requests to storage, beside ten thousand ledgers that are closed."""

import asyncio
from datetime import timedelta

import aiohttp
import pytest
from azure.storage.blob import generate_container_sas

from ingestion.run import open_runs
from tests.app.engine import HUB, START
from tests.app.kept import CRASH, LATER, Kept, at_work

CLOSED = 10_000


async def costs(kept: Kept, *, after: timedelta) -> int:
    """Look once, and say how many requests that were."""
    kept.connection.requests = 0
    await kept.look(after=after)
    return kept.connection.requests


async def close_many(kept: Kept) -> None:
    """Ledgers of runs that have ended, as far as a listing could meet them; put by hand, which is ten times as fast."""
    container = kept.container
    key = container.credential.account_key
    account, name, tomorrow = str(container.account_name), container.container_name, kept.now + timedelta(days=1)
    sas = generate_container_sas(account, name, account_key=key, permission="cw", expiry=tomorrow)
    numbers = iter(range(CLOSED))

    async def close(http: aiohttp.ClientSession) -> None:
        for number in numbers:
            url = f"{container.url}/runs/closed-{number:05}/{START}/report.json?{sas}"
            async with http.put(url, data=b"{}", headers={"x-ms-blob-type": "BlockBlob"}) as answer:
                assert answer.status == 201, await answer.text()

    async with aiohttp.ClientSession() as http:
        await asyncio.gather(*(close(http) for _ in range(16)))


@pytest.mark.timeout(300)  # ten thousand blobs: 75 to 110 s were seen beside a load of 12
async def test_a_look_costs_five_requests_and_two_for_each_open_run_and_two_more_for_an_old_state(kept: Kept) -> None:
    await close_many(kept)
    assert await costs(kept, after=LATER) <= 5, "nothing is open"

    for number, status in enumerate(["Running", "Suspended", "Failed", "Completed", None] * 2):
        await kept.begun(f"run-{number}")
        kept.engine.has(status, f"run-{number}", output=CRASH, **at_work(f"run-{number}"))
    assert await costs(kept, after=timedelta(0)) <= 5 + 2 * 10
    for run_id in await kept.open_runs():
        kept.engine.has("Running", run_id, **at_work(run_id))
    for _ in range(2):
        assert await costs(kept, after=timedelta(0)) <= 5 + 2 * 10
    assert 5 + 2 * 10 < await costs(kept, after=2 * LATER) <= 5 + 4 * 10, "each is looked at for a checkpoint"
    assert await costs(kept, after=2 * LATER) <= 5 + 4 * 10
    for run_id in await kept.open_runs():
        await open_runs.forget(kept.container, run_id)
    assert await costs(kept, after=LATER) <= 5


async def test_an_entry_and_its_removal_cost_a_run_four_requests_in_all(kept: Kept) -> None:
    kept.connection.requests = 0
    for _ in range(2):  # before the request, and before the instance
        await open_runs.enter(kept.container, "run", HUB, kept.now)
    await open_runs.remove(kept.container, await kept.entry())
    assert kept.connection.requests == 4
