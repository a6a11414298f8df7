"""The queues that messages go to, with their rates and the ceilings of runs."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from azure.storage.blob.aio import ContainerClient
from azure.storage.queue.aio import QueueClient

from ingestion.sending.ceiling import Ceilings
from ingestion.sending.connection import Pool
from ingestion.sending.depth import POISON, Depth, depth_of
from ingestion.sending.rate import Rate
from ingestion.sending.shard import Shard
from ingestion.settings import Settings
from ingestion.storage.account import Account, OpenAccount
from ingestion.storage.failures import NOT_ALLOWED, storage_errors, unless


class Queues:
    """The shards of all sources and runs, and the ceilings of each run.

    The queues of one account share one pool of connections; all senders to one queue share its rate.
    """

    def __init__(self, opened: Callable[[Account], OpenAccount], container: ContainerClient) -> None:
        self.ceilings = Ceilings(container)
        self._opened = opened
        self._pools: dict[str, Pool] = {}
        self._rates: dict[str, Rate] = {}
        self._shards: dict[tuple[Account, str, int, int], Shard] = {}

    def shards(self, settings: Settings) -> list[Shard]:
        """Return the shards that `settings` name. Raise InvalidInput for a wrong account."""
        life, hidden = settings.message_ttl_seconds, settings.message_delay_seconds
        for account, queue in settings.shards:
            if (account, queue, life, hidden) not in self._shards:
                name = _name(settings, account, queue)
                self._shards[account, queue, life, hidden] = self._shard(name, account, queue, life, hidden)
        return [self._shards[account, queue, life, hidden] for account, queue in settings.shards]

    async def prepare(self, settings: Settings) -> None:
        """Create the queues that `settings` name unless they exist.

        If the app's identity or signature may only put messages, ignore that it cannot create a queue. If the queue is
        missing, the first put fails and says so.
        """
        for account, queue in settings.shards:
            with storage_errors(f"create the queue {queue}", account.setting):
                await unless(self._client(account, queue).create_queue(), "QueueAlreadyExists", *NOT_ALLOWED)

    async def depths(self, settings: Settings) -> list[Depth]:
        """Return the depths of the queues that `settings` name, each with its poison queue."""
        queues = [
            depth_of(
                _name(settings, account, queue), self._client(account, queue), self._client(account, queue + POISON)
            )
            for account, queue in settings.shards
        ]
        return await asyncio.gather(*queues)

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.close()

    def _client(self, account: Account, queue: str) -> QueueClient:
        return self._opened(account).queues.get_queue_client(queue)

    def _shard(self, name: str, account: Account, queue: str, life: int, hidden: int) -> Shard:
        url = self._client(account, queue).url.partition("?")[0]
        return Shard(
            name,
            url,
            self._opened(account).access,
            self._pool(url),
            rate=self._rates.setdefault(url, Rate()),
            setting=account.setting,
            ttl_seconds=life,
            delay_seconds=hidden,
        )

    def _pool(self, url: str) -> Pool:
        """Return the pool that all queues on the server of `url` share: a TLS context for each queue takes 60 ms."""
        server = urlsplit(url).netloc
        if server not in self._pools:
            self._pools[server] = Pool.for_url(url)
        return self._pools[server]


def _name(settings: Settings, account: Account, queue: str) -> str:
    return queue if account == settings.account else f"{account.setting}/{queue}"
