"""The lock of a run: one holder at a time, and nobody goes on who has lost it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob.aio import BlobLeaseClient, ContainerClient

from emulator import Azurite
from ingestion.errors import StorageUnavailable
from ingestion.run import lock
from ingestion.run.ledger import Ledger
from ingestion.run.lock import locked


def within(azurite: Azurite, name: str, work: Callable[[Ledger], Awaitable[None]]) -> None:
    """Do `work` with the ledger of a run that was asked for."""

    async def prepared() -> None:
        async with ContainerClient.from_connection_string(azurite.connection_string, name) as container:
            await container.create_container()
            ledger = Ledger(container, "run")
            await ledger.create_request({"run_id": "run"})
            await work(ledger)

    asyncio.run(prepared())


def test_of_many_who_want_the_lock_one_has_it_at_a_time(azurite: Azurite, queue_name: str) -> None:
    holders, most = 0, 0

    async def hold(ledger: Ledger) -> None:
        nonlocal holders, most
        async with locked(ledger):
            holders += 1
            most = max(most, holders)
            await ledger.request()
            holders -= 1

    async def work(ledger: Ledger) -> None:
        await asyncio.gather(*(hold(ledger) for _ in range(4)))

    within(azurite, queue_name, work)
    assert most == 1


@pytest.mark.parametrize("renewals", [0, 3])
def test_a_holder_that_cannot_renew_the_lock_is_stopped_before_another_can_have_it(
    azurite: Azurite, queue_name: str, monkeypatch: pytest.MonkeyPatch, renewals: int
) -> None:
    monkeypatch.setattr(lock, "RENEW_SECONDS", 0.01)
    monkeypatch.setattr(lock, "HELD_SECONDS", 0.5)
    tried = list[None]()

    async def renew(self: BlobLeaseClient) -> None:
        tried.append(None)
        if len(tried) > renewals:
            raise HttpResponseError("the server is busy")

    monkeypatch.setattr(BlobLeaseClient, "renew", renew)

    async def work(ledger: Ledger) -> None:
        with pytest.raises(StorageUnavailable, match="the lock of run run could not be kept"):
            async with locked(ledger):
                await asyncio.Event().wait()
        async with locked(ledger):
            pass

    within(azurite, queue_name, work)
    assert len(tried) == renewals + 1


def test_a_time_out_of_the_holder_s_own_is_its_own(azurite: Azurite, queue_name: str) -> None:
    async def work(ledger: Ledger) -> None:
        with pytest.raises(TimeoutError, match="its own"):
            async with locked(ledger):
                raise TimeoutError("its own")

    within(azurite, queue_name, work)
