"""What a request has to carry so that the queue lets it in: a signature in its address, or a token in a header.

Enters: an account key, a shared access signature, or a credential of azure-identity. Leaves: a `Grant`, made anew
before it runs out and when the queue has refused it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from azure.core.credentials import AccessToken
from azure.storage.queue import AccountSasPermissions, ResourceTypes, generate_account_sas

SAS_LIFE = timedelta(hours=6)
CLOCK_SKEW = timedelta(minutes=15)
RENEW_AHEAD_SECONDS = 300.0  # before it runs out: longer than any request is under way
SCOPE = "https://storage.azure.com/.default"


@dataclass(frozen=True, slots=True)
class Grant:
    """What goes into a request: `query` (without a question mark) or `authorization`; in use until `renew_at`."""

    query: str = ""
    authorization: str = ""
    renew_at: float = float("inf")


class Credential(Protocol):
    """What this needs of a credential of azure-identity."""

    async def get_token(self, *scopes: str) -> AccessToken: ...


class Access:
    """Hands out one grant to all who ask, and makes another when that one is due or was refused."""

    def __init__(self, make: Callable[[], Awaitable[Grant]], clock: Callable[[], float] = time.time) -> None:
        self._make = make
        self._clock = clock
        self._grant: Grant | None = None
        self._making = asyncio.Lock()

    def current(self) -> Grant | None:
        """The grant in use, unless there is none yet or it is due."""
        grant = self._grant
        return grant if grant is not None and self._clock() < grant.renew_at else None

    async def grant(self) -> Grant:
        """The grant in use, a new one if it is due. Raises what the credential raises."""
        async with self._making:
            if (grant := self.current()) is None:
                grant = self._grant = await self._make()
            return grant

    def refused(self, grant: Grant) -> None:
        """The queue did not let `grant` in: the next to ask gets a new one."""
        if self._grant is grant:
            self._grant = None


def signed_access(account_name: str, account_key: str, clock: Callable[[], float] = time.time) -> Access:
    """Access by signatures over the account's key; each may add messages and nothing else."""

    async def sign() -> Grant:
        now = datetime.fromtimestamp(clock(), UTC)
        query = generate_account_sas(
            account_name,
            account_key,
            resource_types=ResourceTypes(object=True),
            permission=AccountSasPermissions(add=True),
            start=now - CLOCK_SKEW,
            expiry=now + SAS_LIFE,
        )
        return Grant(query=query, renew_at=(now + SAS_LIFE).timestamp() - RENEW_AHEAD_SECONDS)

    return Access(sign, clock)


def sas_access(signature: str) -> Access:
    """Access by a signature that somebody else made and that cannot be renewed here."""

    async def given() -> Grant:
        return Grant(query=signature)

    return Access(given)


def bearer_access(credential: Credential, clock: Callable[[], float] = time.time) -> Access:
    """Access by an identity's tokens."""

    async def ask() -> Grant:
        token = await credential.get_token(SCOPE)
        return Grant(authorization=f"Bearer {token.token}", renew_at=token.expires_on - RENEW_AHEAD_SECONDS)

    return Access(ask, clock)
