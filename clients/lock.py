"""The lock of a run: who starts, redrives or purges it is alone in doing so.

It is a lease on the request in the ledger. A holder that crashes loses it after `LEASE_SECONDS`, so whoever comes next
may have to wait that long, and then finds out from the ledger how far the other one came.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob.aio import BlobLeaseClient

from ingestion.run.ledger import Ledger

LEASE_SECONDS = 15  # the least that Blob Storage gives
RENEW_SECONDS = 5.0
POLL_SECONDS = 0.25


@asynccontextmanager
async def locked(ledger: Ledger) -> AsyncIterator[str]:
    """Hold the lock of a run that has a request in its ledger; gives the lease, which a deletion needs."""
    blob = ledger.blob("request.json")
    while True:
        try:
            lease = await blob.acquire_lease(lease_duration=LEASE_SECONDS)
            break
        except ResourceNotFoundError:
            raise
        except HttpResponseError as error:
            if getattr(error, "error_code", None) != "LeaseAlreadyPresent":
                raise
            await asyncio.sleep(POLL_SECONDS)
    renewing = asyncio.create_task(_renew(lease))
    try:
        yield lease.id
    finally:
        renewing.cancel()
        with suppress(AzureError):  # gone with the blob, or run out, or it will
            await lease.release()


async def _renew(lease: BlobLeaseClient) -> None:
    """Keep the lease for as long as its holder is at work: a purge may take longer than it lasts."""
    with suppress(AzureError):
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await lease.renew()
