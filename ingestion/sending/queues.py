"""The queues that messages go to, with the rates and ceilings that the workers have found."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob.aio import ContainerClient
from azure.storage.queue.aio import QueueClient

from ingestion.sending.ceiling import Ceilings
from ingestion.sending.connection import Pool
from ingestion.sending.rate import Rate
from ingestion.sending.shard import Shard
from ingestion.settings import Settings
from ingestion.storage.account import Account, OpenAccount
from ingestion.storage.failures import NOT_ALLOWED, storage_errors, unless
from ingestion.wire import JsonObject

POISON = "-poison"  # Functions puts there what a queue trigger could not handle


class Queues:
    """The shards of all sources and runs, and the ceilings of each run.

    The queues of one account share one pool of connections; all that send to one queue share its rate.
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
                name = queue if account == settings.account else f"{account.setting}/{queue}"
                self._shards[account, queue, life, hidden] = self._shard(name, account, queue, life, hidden)
        return [self._shards[account, queue, life, hidden] for account, queue in settings.shards]

    async def prepare(self, settings: Settings) -> None:
        """Create the queues that `settings` name unless they exist.

        An identity or a signature that may only put messages cannot create a queue: if the queue is missing, the first
        put says so.
        """
        for account, queue in settings.shards:
            with storage_errors(f"create the queue {queue}", account.setting):
                await unless(self._client(account, queue).create_queue(), "QueueAlreadyExists", *NOT_ALLOWED)

    async def depths(self, settings: Settings, shard: tuple[Account, str], seconds: float) -> JsonObject:
        """Return about how many messages wait in a queue of `settings`, and in its poison queue.

        None where nobody says: the queue is not there, or whoever may put messages may not look.
        """
        account, queue = shard
        name = queue if account == settings.account else f"{account.setting}/{queue}"
        depth, poison = await asyncio.gather(
            self._depth(account, queue, seconds, missing=None),
            self._depth(account, f"{queue}{POISON}", seconds, missing=0),
        )
        return {"name": name, "depth": depth, "poison_depth": poison}

    async def _depth(self, account: Account, queue: str, seconds: float, missing: int | None) -> int | None:
        try:
            async with asyncio.timeout(seconds):
                found = await self._client(account, queue).get_queue_properties()
        except ResourceNotFoundError:
            return missing
        except (AzureError, TimeoutError):
            return None
        return int(found.approximate_message_count or 0)

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
        """Return the pool that all queues on the server of `url` share: a TLS context for each would take 60 ms."""
        server = urlsplit(url).netloc
        if server not in self._pools:
            self._pools[server] = Pool.for_url(url)
        return self._pools[server]
