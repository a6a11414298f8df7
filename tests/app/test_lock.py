"""The lock of a run: one holder at a time, and nobody goes on who has lost it."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import cast

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob.aio import BlobLeaseClient, ContainerClient

from ingestion.errors import StorageUnavailable
from ingestion.run import lock
from ingestion.run.ledger import Ledger
from ingestion.run.lock import locked
from local.emulator import Azurite


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


class Skipping(selectors.SelectSelector):
    """Waits for nothing but lets the time of its loop pass, as it would by waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0.0
        return super().select(0)


class SkippingLoop(asyncio.SelectorEventLoop):
    """A loop on which every timer is due as soon as there is nothing else to do."""

    def __init__(self) -> None:
        self.skipping = Skipping()
        super().__init__(self.skipping)

    def time(self) -> float:
        return self.skipping.now


class FakeLease:
    """One lease on one blob, with the time of the loop: whoever comes when it has run out gets it."""

    id = "lease"

    def __init__(self) -> None:
        self.until = 0.0

    def blob(self, name: str) -> "FakeLease":
        return self

    async def acquire_lease(self, lease_duration: int) -> "FakeLease":
        if self._now() < self.until:
            refusal = HttpResponseError("there is a lease")
            refusal.error_code = "LeaseAlreadyPresent"  # type: ignore[attr-defined]  # the storage client adds it
            raise refusal
        await self.renew()
        return self

    async def renew(self) -> None:
        self.until = self._now() + lock.LEASE_SECONDS

    async def release(self) -> None:
        self.until = 0.0

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def test_a_holder_keeps_the_lock_for_as_long_as_it_is_at_work() -> None:
    ledger, at_work = cast(Ledger, FakeLease()), list[tuple[float, float]]()

    async def hold(seconds: float) -> None:
        async with locked(ledger):
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(seconds)
            at_work.append((began, asyncio.get_running_loop().time()))

    async def work() -> None:
        await asyncio.gather(hold(100 * lock.LEASE_SECONDS), hold(1.0))

    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        runner.run(work())
    (_, first_ended), (second_began, _) = sorted(at_work)
    assert first_ended >= 100 * lock.LEASE_SECONDS
    assert second_began >= first_ended


def test_a_time_out_of_the_holder_s_own_is_its_own(azurite: Azurite, queue_name: str) -> None:
    async def work(ledger: Ledger) -> None:
        with pytest.raises(TimeoutError, match="its own"):
            async with locked(ledger):
                raise TimeoutError("its own")

    within(azurite, queue_name, work)
