"""The way to storage: the container, the queues, and their errors in our words.

There is one `Storage` per event loop and settings. The first call makes it and all later calls share it, with its
connections and what it has learned about the rate of each queue.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from azure.core.exceptions import AzureError, HttpResponseError

from ingestion.account import Account, OpenAccount
from ingestion.errors import StorageRefused, StorageUnavailable, first_line
from ingestion.sending.ceiling import Ceilings
from ingestion.sending.connection import Pool
from ingestion.sending.shard import Shard
from ingestion.settings import Settings
from ingestion.source.http.exchange import http_client

# Refusals of an identity without the role, and of a signature without the permission or without queues.
NOT_ALLOWED = ("AuthorizationPermissionMismatch", "AuthorizationFailure", "AuthorizationResourceTypeMismatch")


class Storage:
    """The container and the queues that the settings name, and the connections to reach them."""

    def __init__(self, settings: Settings) -> None:
        self._accounts: dict[Account, OpenAccount] = {}
        for account in (settings.account, *(account for account, _ in settings.shards)):
            if account not in self._accounts:
                self._accounts[account] = account.open()
        self.container = self._accounts[settings.account].blobs.get_container_client(settings.container)
        self.ceilings = Ceilings(self.container)
        self._queues = [self._accounts[account].queues.get_queue_client(queue) for account, queue in settings.shards]
        self._pools: dict[str, Pool] = {}
        self.shards = [
            Shard(
                queue if account == settings.account else f"{account.setting}/{queue}",
                client.url.partition("?")[0],
                self._accounts[account].access,
                self._pool(client.url),
                ttl_seconds=settings.message_ttl_seconds,
                delay_seconds=settings.message_delay_seconds,
            )
            for (account, queue), client in zip(settings.shards, self._queues, strict=True)
        ]
        self.http = http_client()

    async def prepare(self) -> None:
        """Create the container and the queues unless they exist.

        An identity or a signature that may only put messages cannot create a queue: if the queue is missing, the first
        put says so.
        """
        with storage_errors("create the container and the queues"):
            await _unless(self.container.create_container(), "ContainerAlreadyExists")
            for queue in self._queues:
                await _unless(queue.create_queue(), "QueueAlreadyExists", *NOT_ALLOWED)

    async def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.close()
        for account in self._accounts.values():
            await account.close()
        await self.http.aclose()

    def _pool(self, url: str) -> Pool:
        """Return the pool that all queues on the server of `url` share: a TLS context for each would take 60 ms."""
        server = urlsplit(url).netloc
        if server not in self._pools:
            self._pools[server] = Pool.for_url(url)
        return self._pools[server]


_opened: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Settings, Storage]] = WeakKeyDictionary()


def open_storage(settings: Settings) -> Storage:
    """Return the storage of the running event loop for `settings`; the first call makes it."""
    of_loop = _opened.setdefault(asyncio.get_running_loop(), {})
    if settings not in of_loop:
        of_loop[settings] = Storage(settings)
    return of_loop[settings]


async def close_storage() -> None:
    """Close every storage that `open_storage` made for the running event loop."""
    for storage in _opened.pop(asyncio.get_running_loop(), {}).values():
        await storage.close()


@contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn errors of the client library into StorageRefused or StorageUnavailable with what `doing` says."""
    try:
        yield
    except HttpResponseError as error:
        status = error.status_code
        if status is None:  # there was no answer: an identity that gets no token
            text = f"could not {doing}: {first_line(error)}. {_ROLES}"
            raise StorageRefused(text) from error
        kind = StorageUnavailable if status in (408, 429) or status >= 500 else StorageRefused
        advice = f". {_ROLES}" if status in (401, 403) else ""
        raise kind(f"could not {doing}: storage answered HTTP {status} ({_code(error)}){advice}") from error
    except AzureError as error:
        raise StorageUnavailable(
            f"could not {doing}: the storage account cannot be reached ({first_line(error)}). "
            "Check AzureWebJobsStorage and the network."
        ) from error


_ROLES = (
    "Check AzureWebJobsStorage, or give the app's identity the roles Storage Blob Data Contributor and "
    "Storage Queue Data Contributor"
)


async def _unless(request: Awaitable[object], *codes: str) -> None:
    """Wait for `request`; ignore a refusal with one of these codes."""
    try:
        await request
    except HttpResponseError as error:
        if _code(error) not in codes:
            raise


def _code(error: HttpResponseError) -> str:
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or error.reason)
