"""The way to storage: the container, the queues, and their errors in our words.

One `Storage` per event loop and settings, made at the first call and kept, so that all calls share its connections and
what was learned about the pace of each queue.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from weakref import WeakKeyDictionary

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ResourceExistsError

from ingestion.account import Account, OpenAccount
from ingestion.errors import StorageRefused, StorageUnavailable
from ingestion.sending.shard import Shard
from ingestion.settings import Settings
from ingestion.source.exchange import http_client


class Storage:
    """The container and the queues that the settings name, and the connections to reach them."""

    def __init__(self, settings: Settings) -> None:
        self._accounts: dict[Account, OpenAccount] = {}
        for account in (settings.account, *(account for account, _ in settings.shards)):
            if account not in self._accounts:
                self._accounts[account] = account.open()
        self.container = self._accounts[settings.account].blobs.get_container_client(settings.container)
        self._queues = [self._accounts[account].queues.get_queue_client(queue) for account, queue in settings.shards]
        self.shards = [
            Shard(
                queue if account == settings.account else f"{account.setting}/{queue}",
                client.url.partition("?")[0],
                self._accounts[account].access,
                ttl_seconds=settings.message_ttl_seconds,
                delay_seconds=settings.message_delay_seconds,
            )
            for (account, queue), client in zip(settings.shards, self._queues, strict=True)
        ]
        self.http = http_client()

    async def prepare(self) -> None:
        """Create the container and the queues unless they are there."""
        with storage_errors("create the container and the queues"):
            with suppress(ResourceExistsError):
                await self.container.create_container()
            for queue in self._queues:
                with suppress(ResourceExistsError):
                    await queue.create_queue()

    async def close(self) -> None:
        """Close every connection."""
        for shard in self.shards:
            shard.close()
        for account in self._accounts.values():
            await account.close()
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
