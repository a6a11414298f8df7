"""A shard: one of the queues that messages are spread over, and the parts that all requests to it share."""

from urllib.parse import urlsplit

from azure.core.exceptions import AzureError, ClientAuthenticationError

from ingestion.errors import StorageRefused, first_line
from ingestion.sending.connection import Answer, NotSent, Pool
from ingestion.sending.rate import Rate
from ingestion.storage.access import Access, Grant
from ingestion.storage.account import STORAGE

API_VERSION = "2021-12-02"


class Shard:
    """One queue: its name for people, its address, its access, its connections, and how fast it takes messages.

    `url` is the queue's address without a query, `pool` holds the connections to its server. `ttl_seconds` is -1 for
    messages that never expire. `setting` names the account's app setting, for errors. All senders to the queue share
    `rate`.
    """

    def __init__(
        self,
        name: str,
        url: str,
        access: Access,
        pool: Pool,
        *,
        ttl_seconds: int,
        delay_seconds: int = 0,
        setting: str = STORAGE,
        rate: Rate | None = None,
    ) -> None:
        parts = urlsplit(url)
        self.name, self.setting = name, setting
        self.rate = rate or Rate()
        self.access = access
        self._host = parts.netloc
        self._path = f"{parts.path}/messages?messagettl={ttl_seconds}"
        if delay_seconds:
            self._path += f"&visibilitytimeout={delay_seconds}"
        self._pool = pool
        self._prepared: tuple[Grant, bytes] | None = None

    async def put(self, body: bytes, seconds: float) -> Answer:
        """Send one Put Message and return the answer of any status. Raise NotSent, AnswerLost or StorageRefused."""
        grant = self.access.current() or await self._grant()
        if self._prepared is None or self._prepared[0] is not grant:
            self._prepared = grant, self._head(grant)
        answer = await self._pool.exchange(b"%b%d\r\n\r\n%b" % (self._prepared[1], len(body), body), seconds)
        if answer.status in (401, 403):
            self.access.refused(grant)
        return answer

    async def _grant(self) -> Grant:
        """Return a new authorization of requests. Raise StorageRefused if the identity gets no token, else NotSent."""
        try:
            return await self.access.grant()
        except ClientAuthenticationError as error:
            raise StorageRefused(f"the app's identity gets no token for {self.setting}: {first_line(error)}") from error
        except AzureError as error:
            raise NotSent(f"no token: {first_line(error)}") from error

    def _head(self, grant: Grant) -> bytes:
        """Return the request up to the value of Content-Length, its last header."""
        lines = [
            f"POST {self._path}{'&' if grant.query else ''}{grant.query} HTTP/1.1",
            f"Host: {self._host}",
            f"x-ms-version: {API_VERSION}",
            "Content-Type: application/xml",
            *([f"Authorization: {grant.authorization}"] if grant.authorization else []),
            "Content-Length: ",
        ]
        return "\r\n".join(lines).encode("ascii")
