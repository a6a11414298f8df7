"""The way to the storage account: container, queue, and their errors in our words.

One `Storage` per event loop and settings, made at the first call and kept, so that all calls share its connections.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

import aiohttp
import httpx
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ResourceExistsError
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue import AccountSasPermissions, ResourceTypes, generate_account_sas
from azure.storage.queue.aio import QueueServiceClient
from yarl import URL

from ingestion.errors import InvalidInput, StorageRefused, StorageUnavailable
from ingestion.settings import Settings

SAS_LIFE = timedelta(hours=6)  # far longer than any call of a function may last
CLOCK_SKEW = timedelta(minutes=15)
# Short, because the durable retry is behind it; the clients' own default waits 15 s before the first.
_RETRY: dict[str, Any] = {"initial_backoff": 1, "increment_base": 2, "retry_total": 2, "random_jitter_range": 1}


class Storage:
    """The container and the queue that the settings name, and the sessions to reach them."""

    def __init__(self, settings: Settings) -> None:
        try:
            self._blobs = BlobServiceClient.from_connection_string(settings.storage, **_RETRY)
            self._queues = QueueServiceClient.from_connection_string(settings.storage, **_RETRY)
        except ValueError as error:
            form = "the connection string of a storage account"
            raise InvalidInput("AzureWebJobsStorage", str(error), form) from None
        self.container = self._blobs.get_container_client(settings.container)
        self.queue = self._queues.get_queue_client(settings.queue)
        connections = aiohttp.TCPConnector(limit=0)  # each sender bounds its own
        self.session = aiohttp.ClientSession(connector=connections, cookie_jar=aiohttp.DummyCookieJar())
        self.http = httpx.AsyncClient(follow_redirects=False)

    async def prepare(self) -> None:
        """Create the container and the queue unless they are there."""
        with storage_errors("create the container and the queue"):
            for create in (self.container.create_container, self.queue.create_queue):
                with suppress(ResourceExistsError):
                    await create()

    def messages_url(self) -> URL:
        """The address to which messages are posted, signed for `SAS_LIFE`."""
        now = datetime.now(UTC)
        signature = generate_account_sas(
            str(self._queues.account_name),
            self._queues.credential.account_key,
            resource_types=ResourceTypes(object=True),
            permission=AccountSasPermissions(add=True),
            start=now - CLOCK_SKEW,
            expiry=now + SAS_LIFE,
        )
        return URL(f"{self.queue.url}/messages?{signature}", encoded=True)

    async def close(self) -> None:
        """Close every connection."""
        for client in (self._blobs, self._queues, self.session):
            await client.close()
        await self.http.aclose()


_opened: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Settings, Storage]] = WeakKeyDictionary()


def open_storage(settings: Settings) -> Storage:
    """The storage of the running event loop for `settings`, made at the first call."""
    of_loop = _opened.setdefault(asyncio.get_running_loop(), {})
    if settings not in of_loop:
        of_loop[settings] = Storage(settings)
    return of_loop[settings]


async def close_storage() -> None:
    """Close what `open_storage` made for the running event loop."""
    for storage in _opened.pop(asyncio.get_running_loop(), {}).values():
        await storage.close()


@contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn the client library's errors into StorageRefused or StorageUnavailable that say what was being done."""
    try:
        yield
    except ClientAuthenticationError as error:
        raise StorageRefused(
            f"could not {doing}: the storage account refused the credentials ({_code(error)}). "
            "Check AzureWebJobsStorage, or give the app the roles Storage Blob Data Contributor and "
            "Storage Queue Data Contributor."
        ) from error
    except HttpResponseError as error:
        status = error.status_code or 0
        kind = StorageUnavailable if status in (408, 429) or status >= 500 else StorageRefused
        raise kind(f"could not {doing}: storage answered HTTP {status} ({_code(error)})") from error
    except AzureError as error:
        raise StorageUnavailable(
            f"could not {doing}: the storage account cannot be reached ({str(error).splitlines()[0]}). "
            "Check AzureWebJobsStorage and the network."
        ) from error


def _code(error: HttpResponseError) -> str:
    return str(getattr(error, "error_code", None) or error.reason)
