"""The lock of a run: it has one holder at a time, and whoever loses it stops."""

import asyncio
import selectors
from types import SimpleNamespace
from typing import Any, cast

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob.aio import BlobLeaseClient, ContainerClient

from clients.redrive_run import redrive_run
from ingestion.errors import RunLocked, StorageUnavailable
from ingestion.run import lock
from ingestion.run.lock import locked
from ingestion.run.request import read_request, request_blob
from tests.app.kept import CRASH, Kept


async def test_of_many_who_want_the_lock_one_has_it_at_a_time(kept: Kept) -> None:
    await kept.begun()
    holders, most = 0, 0

    async def hold() -> None:
        nonlocal holders, most
        async with locked(kept.container, "run"):
            holders += 1
            most = max(most, holders)
            await read_request(kept.container, "run")
            holders -= 1

    await asyncio.gather(*(hold() for _ in range(4)))
    assert most == 1


@pytest.mark.parametrize("renewals", [0, 3])
async def test_a_holder_that_cannot_renew_the_lock_is_stopped_before_another_can_have_it(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, renewals: int
) -> None:
    monkeypatch.setattr(lock, "RENEW_SECONDS", 0.01)
    monkeypatch.setattr(lock, "HELD_SECONDS", 0.5)
    await kept.begun()
    tried = list[None]()

    async def renew(self: BlobLeaseClient) -> None:
        tried.append(None)
        if len(tried) > renewals:
            raise HttpResponseError("the server is busy")

    monkeypatch.setattr(BlobLeaseClient, "renew", renew)
    with pytest.raises(StorageUnavailable, match="the lock of run run could not be renewed"):
        async with locked(kept.container, "run"):
            await asyncio.Event().wait()
    async with locked(kept.container, "run"):
        pass
    assert len(tried) == renewals + 1


class Skipping(selectors.SelectSelector):
    """Does not wait, but advances the time of its loop as waiting would."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0.0
        return super().select(0)


class SkippingLoop(asyncio.SelectorEventLoop):
    """An event loop on which every timer is due as soon as nothing else is left to do."""

    def __init__(self) -> None:
        self.skipping = Skipping()
        super().__init__(self.skipping)

    def time(self) -> float:
        return self.skipping.now


class FakeLease:
    """A lease on a blob, by the time of the loop; a request after its expiry gets it."""

    id = "lease"

    def __init__(self) -> None:
        self.until = 0.0

    blob_name = "request.json"

    def get_blob_client(self, name: str) -> "FakeLease":
        return self

    async def get_blob_properties(self) -> Any:
        return SimpleNamespace(lease=SimpleNamespace(duration="fixed"))

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


def held_one_after_the_other(*seconds: float) -> list[tuple[float, float] | BaseException]:
    """Let several holders ask at once for the lock and hold it; return when each had it, or its error."""
    container = cast(ContainerClient, FakeLease())

    async def hold(seconds: float) -> tuple[float, float]:
        async with locked(container, "run"):
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(seconds)
            return began, asyncio.get_running_loop().time()

    async def work() -> list[tuple[float, float] | BaseException]:
        return await asyncio.gather(*map(hold, seconds), return_exceptions=True)

    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        return runner.run(work())


def test_a_holder_keeps_the_lock_for_as_long_as_it_is_at_work() -> None:
    first, second = held_one_after_the_other(3 * lock.LEASE_SECONDS, 1.0)
    assert isinstance(first, tuple)
    assert isinstance(second, tuple)
    assert first[1] - first[0] >= 3 * lock.LEASE_SECONDS
    assert second[0] >= first[1]


def test_a_caller_that_waits_too_long_for_the_lock_gets_an_error_that_says_to_try_later() -> None:
    first, second = held_one_after_the_other(100 * lock.LEASE_SECONDS, 1.0)
    assert isinstance(first, tuple)
    assert isinstance(second, RunLocked)


async def test_a_time_out_of_the_holder_s_own_is_its_own(kept: Kept) -> None:
    await kept.begun()
    with pytest.raises(TimeoutError, match="its own"):
        async with locked(kept.container, "run"):
            raise TimeoutError("its own")


async def test_a_lease_without_an_end_stops_a_redrive_at_once_with_what_to_do(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    await kept.begun()
    lease = await request_blob(kept.container, "run").acquire_lease(lease_duration=-1)
    kept.engine.has("Failed", output=CRASH)
    began = asyncio.get_running_loop().time()
    answer = await kept.answer_of(redrive_run)
    said = f"{answer.get_body().decode()}"
    assert asyncio.get_running_loop().time() - began < 5
    assert answer.status_code == 503
    assert "runs/run/request.json has a lease without an end" in said
    assert "break that lease" in said.lower()

    await kept.look(times=2)
    assert "a lease without an end" in caplog.text, "the keeper says so as well"
    await lease.break_lease(0)
    assert await kept.redrive() == 202
