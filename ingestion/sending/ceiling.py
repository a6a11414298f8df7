"""The ceiling of a run: its workers lease equal shares of SLUICE_MAX_MESSAGES_PER_SECOND.

A worker is one process. The blob `ceiling.json` in the folder of the run holds the name of each worker with a mark.

1. Every `RENEW_SECONDS` a worker that sends for the run reads the blob and writes a new mark beside its own name. The
   write is conditional, so the worker then knows all names in the blob.
2. Its share is the ceiling divided by the number of names. The share ends `HELD_SECONDS` after the write was sent: a
   worker that cannot write again stops then.
3. A worker that joins others sends nothing for `HELD_SECONDS` after its first write. By then each other worker has
   found the new name and reduced its own share, or has stopped.
4. A worker removes the name of another worker after it has seen the same mark there for `LEASE_SECONDS`. By then the
   other worker has stopped; if it is alive, it joins again.

No worker compares the clocks of two machines: it compares a mark only with the mark that it saw before, and measures
durations with its own monotonic clock.
"""

import asyncio
import json
import random
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, ContainerClient

from ingestion.sending.rate import QUANTUM_SECONDS

RENEW_SECONDS = 2.0
HELD_SECONDS = 8.0  # long enough for a few renewals to fail
LEASE_SECONDS = 10.0  # longer than HELD_SECONDS: clocks run at slightly different speeds
MARGIN = 0.95  # the part of the ceiling that is used, because delayed requests arrive close together
CATCH_UP_SECONDS = 0.25  # turns that came due while the event loop was busy can be taken as late as this
ASK_AGAIN_SECONDS = 0.25  # the longest wait before a sender asks again: the share may change, or the sender may stop

# Asks for a turn, which is the right to send one message. Takes the present time; returns 0 if the caller has the turn,
# else the seconds to wait before it asks again.
Turn = Callable[[float], float]


class Share:
    """The share of one worker, without I/O. `renewed` and `written` renew it in the blob; `turn` uses it."""

    def __init__(self, holder: str, ceiling: float) -> None:
        self._holder, self._ceiling = holder, ceiling
        # Maps each other worker to its mark, and to when this mark was first seen.
        self._seen: dict[str, tuple[float, float]] = {}
        self._holders = 1
        self._begins, self._ends = float("inf"), float("-inf")
        self._last_turn = float("-inf")

    def renewed(self, found: Mapping[str, float], now: float) -> dict[str, float]:
        """Return what to write at once in place of `found`, which was read just before `now`."""
        if self._holder not in found:
            self._begins = float("inf")  # this worker joins: `written` sets when its share begins
        seen = {}
        for holder, mark in found.items():
            before = self._seen.get(holder)
            seen[holder] = before if before is not None and before[0] == mark else (mark, now)
        seen.pop(self._holder, None)
        self._seen = seen
        live = {holder: mark for holder, (mark, since) in seen.items() if now - since < LEASE_SECONDS}
        return live | {self._holder: now}

    def written(self, holders: Mapping[str, float], now: float) -> None:
        """Set the share from `holders`, which were in the blob by `now`."""
        if self._begins == float("inf"):
            self._begins = now + HELD_SECONDS if len(holders) > 1 else now
        self._holders = len(holders)
        self._ends = holders[self._holder] + HELD_SECONDS

    def is_held(self, now: float) -> bool:
        """Return whether this worker may send, or may send once it has waited for the others."""
        return now < self._ends

    def per_second(self, now: float) -> float:
        """Return how many messages a second this worker may send; 0 while it must not send.

        The messages in ten seconds are rounded down to a whole number, so that all shares together stay below the
        ceiling. Each worker may send at least one message in ten seconds, even if that exceeds the ceiling.
        """
        if not self._begins <= now < self._ends:
            return 0.0
        return max(1, int(10 * self._ceiling / self._holders)) / 10 * MARGIN

    def turn(self, now: float) -> float:
        """Take a turn and return 0 if one is due; else return the seconds after which to ask again."""
        per_second = self.per_second(now)
        if not per_second:
            return ASK_AGAIN_SECONDS
        due = max(self._last_turn + 1.0 / per_second, now - CATCH_UP_SECONDS)
        if due > now:
            return min(max(due - now, QUANTUM_SECONDS), ASK_AGAIN_SECONDS)
        self._last_turn = due
        return 0.0


class Ceilings:
    """The shares that this worker holds, at most one for each run: all chunks of the run in this process use it."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container
        self._holder = secrets.token_hex(8)
        self._leases: dict[str, _Lease] = {}

    @asynccontextmanager
    async def turns(self, folder: str, ceiling: float) -> AsyncIterator[Turn | None]:
        """Yield the function that gives turns to a chunk of the run in `folder`; None if `ceiling` is 0: no limit."""
        if not ceiling:
            yield None
            return
        self._leases = {name: lease for name, lease in self._leases.items() if lease.is_needed()}
        if folder not in self._leases:
            blob = self._container.get_blob_client(f"{folder}ceiling.json")
            self._leases[folder] = _Lease(blob, Share(self._holder, ceiling))
        async with self._leases[folder].used() as share:
            yield share.turn


class _Lease:
    """A share and the blob that it is leased from; renewed for as long as a chunk uses it."""

    def __init__(self, blob: BlobClient, share: Share) -> None:
        self._blob, self._share = blob, share
        self._users = 0

    def is_needed(self) -> bool:
        """Return whether a chunk uses the share, or the next chunk can go on with it."""
        return self._users > 0 or self._share.is_held(monotonic())

    @asynccontextmanager
    async def used(self) -> AsyncIterator[Share]:
        """Renew the share until all who use it have left."""
        if not self._users:
            self._renewing = asyncio.create_task(self._renew())
        self._users += 1
        try:
            yield self._share
        finally:
            self._users -= 1
            if not self._users:
                self._renewing.cancel()

    async def _renew(self) -> None:
        while True:
            with suppress(AzureError, TimeoutError):  # without a renewal the share ends
                async with asyncio.timeout(HELD_SECONDS):
                    await self._look()
            await asyncio.sleep(RENEW_SECONDS)

    async def _look(self) -> None:
        """Renew the share in the blob; read again if another worker has written in between."""
        while True:
            found, condition = await self._read()
            holders = self._share.renewed(found, monotonic())
            try:
                await self._blob.upload_blob(json.dumps(holders), overwrite=True, **condition)
            except (ResourceExistsError, ResourceModifiedError):
                await asyncio.sleep(random.uniform(0.0, 0.1))
                continue
            self._share.written(holders, monotonic())
            return

    async def _read(self) -> tuple[dict[str, float], dict[str, Any]]:
        """Return the workers with their marks, and the condition for replacing them."""
        try:
            download = await self._blob.download_blob()
            found: dict[str, float] = json.loads(await download.readall())
        except ResourceNotFoundError:
            return {}, {"match_condition": MatchConditions.IfMissing}
        return found, {"match_condition": MatchConditions.IfNotModified, "etag": download.properties.etag}
