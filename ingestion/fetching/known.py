"""The messages that a run already has, by digest. They are skipped if the source is read again from its start.

A digest has sixteen bytes, because if two messages had the same digest, one of them would be lost. The first two bytes
of a digest select its bucket.
"""

import hashlib

from ingestion.errors import SourceRefused

MAX_KNOWN = 20_000_000  # 280 MB of memory
DIGEST_BYTES = 16
_WIDTH = DIGEST_BYTES - 2


class Known:
    """A set of lines, stored as digests."""

    def __init__(self) -> None:
        self._buckets: dict[bytes, bytearray] = {}
        self._count = 0

    def add(self, line: bytes) -> None:
        """Add a line. Raise SourceRefused if there are more than MAX_KNOWN."""
        self._count += 1
        if self._count > MAX_KNOWN:
            raise SourceRefused(
                f"the cursor has expired, and a restart cannot skip more than {MAX_KNOWN} messages; "
                "describe how to resume by a key (expiry.then = 'resume'), or start a new run"
            )
        self.add_digests(digest(line))

    def add_digests(self, digests: bytes) -> None:
        """Add the lines with these digests, which are joined without a separator."""
        for at in range(0, len(digests), DIGEST_BYTES):
            self._buckets.setdefault(digests[at : at + 2], bytearray()).extend(digests[at + 2 : at + DIGEST_BYTES])

    def __bool__(self) -> bool:
        return bool(self._buckets)

    def __contains__(self, line: bytes) -> bool:
        return self.has(digest(line))

    def has(self, mark: bytes) -> bool:
        """Return whether the line with this digest is known."""
        bucket = self._buckets.get(mark[:2], bytearray())
        at = bucket.find(mark[2:])
        while at >= 0 and at % _WIDTH:  # this match spans two digests
            at = bucket.find(mark[2:], at + 1)
        return at >= 0


def digest(line: bytes) -> bytes:
    """Return the digest of a line of the spool."""
    return hashlib.blake2b(line, digest_size=DIGEST_BYTES).digest()
