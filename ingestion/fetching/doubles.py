"""Count the doubles of a source with unique items, at its end, by the digests of its messages.

Each fetch adds the digests of its messages to those that are in no blob yet. Once there are `OF_A_BLOB` of these, the
fetch writes them to a blob, sorted by their first byte. At the end, `doubles_in` compares the digests of all blobs: it
reads one range of first bytes at a time, as many digests as memory may hold.
"""

import asyncio
import struct
from collections.abc import Awaitable, Callable, Sequence
from itertools import accumulate

from ingestion.fetching.known import DIGEST_BYTES

MOST = 20_000_000  # messages of a run: 320 MB of digests
OF_A_BLOB = 25_000  # the fewest digests of a blob, so that there are few blobs; fewer stay with the position (400 KB)
AT_ONCE = 250_000  # digests compared at a time: 60 MB of memory
READS_AT_ONCE = 16
TOO_MANY = -1  # in place of the number of doubles or digests

_PLACES = struct.Struct(">257I")  # where in the blob the digests of each first byte begin; then the end of the blob

Read = Callable[[str, int, int], Awaitable[bytes]]  # reads a part of a blob: name, first byte, number of bytes


def sorted_digests(digests: bytes) -> bytes:
    """Return the contents of a blob: `_PLACES`, then the digests sorted by their first byte."""
    groups = [bytearray() for _ in range(256)]
    for at in range(0, len(digests), DIGEST_BYTES):
        groups[digests[at]] += digests[at : at + DIGEST_BYTES]
    return _PLACES.pack(*accumulate(map(len, groups), initial=_PLACES.size)) + b"".join(groups)


async def doubles_in(blobs: Sequence[str], read: Read) -> int:
    """Return how many digests in the blobs are doubles, with about `AT_ONCE` of them in memory at a time."""
    lanes = asyncio.Semaphore(READS_AT_ONCE)

    async def part(name: str, first: int, stop: int) -> bytes:
        async with lanes:
            return await read(name, first, stop - first) if first < stop else b""

    heads = await asyncio.gather(*(part(name, 0, _PLACES.size) for name in blobs))
    places = dict(zip(blobs, map(_PLACES.unpack, heads), strict=True))
    count = sum(ends[-1] - ends[0] for ends in places.values()) // DIGEST_BYTES
    step, doubles = max(1, 256 * AT_ONCE // max(count, AT_ONCE)), 0
    for first in range(0, 256, step):
        stop = min(256, first + step)
        parts = await asyncio.gather(*(part(name, ends[first], ends[stop]) for name, ends in places.items()))
        doubles += await asyncio.to_thread(_doubles, b"".join(parts))  # so that chunks are sent meanwhile
    return doubles


def _doubles(digests: bytes) -> int:
    places = range(0, len(digests), DIGEST_BYTES)
    return len(places) - len({digests[at : at + DIGEST_BYTES] for at in places})
