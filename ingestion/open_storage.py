"""Open what the settings name: the container, the queues, and the client for sources.

Each event loop has one `Storage` for the same app settings. The first call of `open_storage` creates it. Later calls
share it, its connections, and the rate that it has found for each queue; so do calls for sources with own queues.
"""

import asyncio
from weakref import WeakKeyDictionary

from ingestion.run.at_work import AtWork
from ingestion.sending.queues import Queues
from ingestion.sending.tally import Tally
from ingestion.settings import Settings
from ingestion.source.http.exchange import http_client
from ingestion.storage.account import Account, OpenAccount
from ingestion.storage.failures import storage_errors, unless


class Storage:
    """The container, the queues, and the connections to them.

    `at_work` has the runs whose activities this process executes, `tally` the live counts of the chunks that it sends.
    """

    def __init__(self, settings: Settings) -> None:
        self._accounts: dict[Account, OpenAccount] = {}
        self.container = self._opened(settings.account).blobs.get_container_client(settings.container)
        self.queues = Queues(self._opened, self.container)
        self.queues.shards(settings)  # raises at once if an account is wrong
        self.http = http_client()
        self.at_work = AtWork(self.container)
        self.tally = Tally()

    async def prepare(self, settings: Settings | None = None) -> None:
        """Create the container, and the queues of `settings`, unless they exist."""
        with storage_errors("create the container and the queues"):
            await unless(self.container.create_container(), "ContainerAlreadyExists")
            if settings is not None:
                await self.queues.prepare(settings)

    async def close(self) -> None:
        """Close every connection."""
        self.queues.close()
        for account in self._accounts.values():
            await account.close()
        await self.http.aclose()

    def _opened(self, account: Account) -> OpenAccount:
        if account not in self._accounts:
            self._accounts[account] = account.open()
        return self._accounts[account]


_opened: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Settings, Storage]] = WeakKeyDictionary()


def open_storage(settings: Settings) -> Storage:
    """Return the storage of the running event loop for `settings`; the first call creates it."""
    of_loop = _opened.setdefault(asyncio.get_running_loop(), {})
    if settings not in of_loop:
        of_loop[settings] = Storage(settings)
    return of_loop[settings]


async def close_storage() -> None:
    """Close every storage that `open_storage` created for the running event loop."""
    for storage in _opened.pop(asyncio.get_running_loop(), {}).values():
        await storage.close()
