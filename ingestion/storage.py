"""The way to storage: the container, the queues, and their errors in our words.

One `Storage` per event loop and settings, made at the first call and kept, so that all calls share its connections and
what was learned about the pace of each queue.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from azure.core.exceptions import AzureError, HttpResponseError

from ingestion.account import Account, OpenAccount
from ingestion.errors import StorageRefused, StorageUnavailable, first_line
from ingestion.sending.shard import Shard
from ingestion.settings import Settings
from ingestion.source.http.exchange import http_client

# To an identity without the role; to a signature without the permission, or without queues among its resources.
NOT_ALLOWED = ("AuthorizationPermissionMismatch", "AuthorizationFailure", "AuthorizationResourceTypeMismatch")


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
        """Create the container and the queues unless they are there.

        Whoever may only put messages must not create a queue: it is there then, or the first put says that it is not.
        """
        with storage_errors("create the container and the queues"):
            await _unless(self.container.create_container(), "ContainerAlreadyExists")
            for queue in self._queues:
                await _unless(queue.create_queue(), "QueueAlreadyExists", *NOT_ALLOWED)

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
    """Wait for a request that may also be refused with one of these codes."""
    try:
        await request
    except HttpResponseError as error:
        if _code(error) not in codes:
            raise


def _code(error: HttpResponseError) -> str:
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or error.reason)
