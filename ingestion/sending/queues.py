"""The queues that the settings name, with the rates and ceilings that the workers have found."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from azure.storage.blob.aio import ContainerClient

from ingestion.sending.ceiling import Ceilings
from ingestion.sending.connection import Pool
from ingestion.sending.shard import Shard
from ingestion.settings import Settings
from ingestion.storage.account import Account, OpenAccount
from ingestion.storage.failures import NOT_ALLOWED, storage_errors, unless


class Queues:
    """The shards of all runs, and the ceilings of each. The queues of one account share one pool of connections."""

    def __init__(self, settings: Settings, accounts: Mapping[Account, OpenAccount], container: ContainerClient) -> None:
        self.ceilings = Ceilings(container)
        self._clients = [accounts[account].queues.get_queue_client(queue) for account, queue in settings.shards]
        self._settings = [account.setting for account, _ in settings.shards]
        self._pools: dict[str, Pool] = {}
        self.shards = [
            Shard(
                queue if account == settings.account else f"{account.setting}/{queue}",
                client.url.partition("?")[0],
                accounts[account].access,
                self._pool(client.url),
                setting=account.setting,
                ttl_seconds=settings.message_ttl_seconds,
                delay_seconds=settings.message_delay_seconds,
            )
            for (account, queue), client in zip(settings.shards, self._clients, strict=True)
        ]

    async def prepare(self) -> None:
        """Create the queues unless they exist.

        An identity or a signature that may only put messages cannot create a queue: if the queue is missing, the first
        put says so.
        """
        for client, setting in zip(self._clients, self._settings, strict=True):
            with storage_errors(f"create the queue {client.queue_name}", setting):
                await unless(client.create_queue(), "QueueAlreadyExists", *NOT_ALLOWED)

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.close()

    def _pool(self, url: str) -> Pool:
        """Return the pool that all queues on the server of `url` share: a TLS context for each would take 60 ms."""
        server = urlsplit(url).netloc
        if server not in self._pools:
            self._pools[server] = Pool.for_url(url)
        return self._pools[server]
