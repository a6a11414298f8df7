"""The lock of a run: who starts, redrives, recovers, purges or sweeps it is alone in doing so.

It is a lease on the request in the ledger. A holder that crashes loses it after `LEASE_SECONDS`, so whoever comes next
may have to wait that long, and then finds out from the ledger how far the other one came. A holder that cannot renew it
is stopped before that: nobody goes on without the lock.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob.aio import BlobLeaseClient, ContainerClient

from ingestion.errors import RunLocked, StorageUnavailable
from ingestion.run.request import request_blob

LEASE_SECONDS = 15  # the least that Blob Storage gives
HELD_SECONDS = 12.0  # that a holder may go on after it asked for the lease: what it sent last has to arrive in time
RENEW_SECONDS = 5.0
POLL_SECONDS = 0.25
WAIT_SECONDS = 60.0  # for another holder, at most


@asynccontextmanager
async def locked(container: ContainerClient, run_id: str, *, wait: bool = True) -> AsyncIterator[str]:
    """Hold the lock of a run that has a request; yield the lease, which a deletion needs.

    Raise RunLocked if somebody else holds it, after WAIT_SECONDS if it is to `wait`; and StorageUnavailable, in the
    middle of what the holder does, if the lease could not be renewed.
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
            if not wait or asked_at >= give_up_at:
                raise RunLocked(f"somebody else is at work on run {run_id}: look again later") from error
            await asyncio.sleep(POLL_SECONDS)
    try:
        async with asyncio.timeout_at(asked_at + HELD_SECONDS) as held:
            renewing = asyncio.create_task(_renew(lease, held))
            try:
                yield lease.id
            finally:
                renewing.cancel()
                with suppress(AzureError):  # gone with the blob, or run out, or it will
                    await lease.release()
    except TimeoutError as error:
        if not held.expired():
            raise
        problem = f"the lock of run {run_id} could not be kept, and what was begun under it was left off"
        raise StorageUnavailable(f"{problem}: look at the run, then ask again") from error


async def _renew(lease: BlobLeaseClient, held: asyncio.Timeout) -> None:
    """Keep the lease for as long as its holder is at work: a purge may take longer than it lasts."""
    with suppress(AzureError):  # then the holder's time runs out
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            asked_at = asyncio.get_running_loop().time()
            await lease.renew()
            if held.expired():
                return
            held.reschedule(asked_at + HELD_SECONDS)
