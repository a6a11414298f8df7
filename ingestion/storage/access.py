"""The authorization of a request to the queue: a signature in its address, or a token in a header.

A `Grant` comes from an account key, a shared access signature, or a credential of azure-identity. `Access` makes a
new grant before the old one expires, or after the queue has refused the old one.
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
RENEW_AHEAD_SECONDS = 300.0  # before a grant expires: longer than any request takes
SCOPE = "https://storage.azure.com/.default"


@dataclass(frozen=True, slots=True)
class Grant:
    """Authorizes a request: by `query` (without a question mark) or `authorization`; in use until `renew_at`."""

    query: str = ""
    authorization: str = ""
    renew_at: float = float("inf")


class Credential(Protocol):
    """The part of an azure-identity credential that is used here."""

    async def get_token(self, *scopes: str) -> AccessToken: ...


class Access:
    """Gives one grant to all callers, and makes a new one when it is due or was refused."""

    def __init__(self, make: Callable[[], Awaitable[Grant]], clock: Callable[[], float] = time.time) -> None:
        self._make = make
        self._clock = clock
        self._grant: Grant | None = None
        self._making = asyncio.Lock()

    def current(self) -> Grant | None:
        """Return the grant in use, None if there is none yet or it is due."""
        grant = self._grant
        return grant if grant is not None and self._clock() < grant.renew_at else None

    async def grant(self) -> Grant:
        """Return the grant in use, a new one if it is due. Errors of the credential pass through."""
        async with self._making:
            if (grant := self.current()) is None:
                grant = self._grant = await self._make()
            return grant

    def refused(self, grant: Grant) -> None:
        """Drop `grant`, which the queue has refused: the next caller gets a new one."""
        if self._grant is grant:
            self._grant = None


def signed_access(account_name: str, account_key: str, clock: Callable[[], float] = time.time) -> Access:
    """Return access by signatures made with the account key; a signature allows only to add messages."""

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
    """Return access by a given signature, which Sluice cannot renew."""

    async def given() -> Grant:
        return Grant(query=signature)

    return Access(given)


def bearer_access(credential: Credential, clock: Callable[[], float] = time.time) -> Access:
    """Return access by the tokens of an identity."""

    async def ask() -> Grant:
        token = await credential.get_token(SCOPE)
        return Grant(authorization=f"Bearer {token.token}", renew_at=token.expires_on - RENEW_AHEAD_SECONDS)

    return Access(ask, clock)
