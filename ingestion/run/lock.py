"""The lock of a run: only its holder may start, redrive, recover, purge or sweep the run.

The lock is a lease on the blob of the run's request. A holder that crashes loses it after `LEASE_SECONDS`; the next
holder waits up to that long, and then reads in the ledger how far the first holder came. A holder that cannot renew the
lease is cancelled before the lease ends.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob.aio import BlobLeaseClient, ContainerClient

from ingestion.errors import RunLocked, StorageRefused, StorageUnavailable
from ingestion.run.request import request_blob

LEASE_SECONDS = 15  # the shortest lease of Blob Storage
HELD_SECONDS = 12.0  # of work after each renewal: the last requests of the holder must arrive before the lease ends
RENEW_SECONDS = 5.0
POLL_SECONDS = 0.25
WAIT_SECONDS = 60.0  # the longest wait for another holder


@asynccontextmanager
async def locked(container: ContainerClient, run_id: str, *, wait: bool = True) -> AsyncIterator[str]:
    """Hold the lock of a run that has a request; yield the lease, which a deletion needs.

    Raise RunLocked if another operation holds it: at once or, with `wait`, after WAIT_SECONDS. Raise StorageRefused if
    the lease has no end, because Sluice takes no such lease. Cancel the block and raise StorageUnavailable if the lease
    cannot be renewed.
    """
    blob = request_blob(container, run_id)
    give_up_at = asyncio.get_running_loop().time() + WAIT_SECONDS
    while True:
        asked_at = asyncio.get_running_loop().time()
        try:
            lease = await blob.acquire_lease(lease_duration=LEASE_SECONDS)
            break
        except ResourceNotFoundError:
            raise
        except HttpResponseError as error:
            if getattr(error, "error_code", None) != "LeaseAlreadyPresent":
                raise
            if (await blob.get_blob_properties()).lease.duration == "infinite":
                problem = f"run {run_id} cannot be locked: {blob.blob_name} has a lease without an end"
                raise StorageRefused(
                    f"{problem}, which is not from Sluice. Break that lease in the storage account, then try again"
                ) from error
            if not wait or asked_at >= give_up_at:
                raise RunLocked(f"another operation holds the lock of run {run_id}: try again later") from error
            await asyncio.sleep(POLL_SECONDS)
    try:
        async with asyncio.timeout_at(asked_at + HELD_SECONDS) as held:
            renewing = asyncio.create_task(_renew(lease, held))
            try:
                yield lease.id
            finally:
                renewing.cancel()
                with suppress(AzureError):  # the lease is gone with the blob, or ends by itself
                    await lease.release()
    except TimeoutError as error:
        if not held.expired():
            raise
        problem = f"the lock of run {run_id} could not be renewed, so the operation under it was stopped"
        raise StorageUnavailable(f"{problem}: check the run, then try again") from error


async def _renew(lease: BlobLeaseClient, held: asyncio.Timeout) -> None:
    """Renew the lease while its holder works: a purge may take longer than the lease."""
    with suppress(AzureError):  # then the holder's time runs out
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            asked_at = asyncio.get_running_loop().time()
            await lease.renew()
            if held.expired():
                return
            held.reschedule(asked_at + HELD_SECONDS)
