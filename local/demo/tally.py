"""Two multisets of ids, compared without holding an id: what the API served, and what arrived on the queue.

Enters: ids, one at a time. Leaves: how many are missing, twice there, or from elsewhere. An id is kept as a 64-bit
fingerprint (two of a million share one once in 37 million comparisons), some 80 bytes each.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the queue holds, against what the API served."""

    served: int
    enqueued: int
    unique: int
    lost: int
    duplicates: int
    foreign: int


class Tally:
    """Count with `serve` first, with `arrive` afterwards; `compare` at any time."""

    def __init__(self) -> None:
        self._arrived: dict[int, int] = {}
        self._served_again: Counter[int] = Counter()  # an API may well serve an id twice; almost always empty
        self._foreign: Counter[int] = Counter()

    def serve(self, name: str) -> None:
        """The API has this id (once more)."""
        mark = fingerprint(name)
        if mark in self._arrived:
            self._served_again[mark] += 1
        else:
            self._arrived[mark] = 0

    def arrive(self, name: str) -> None:
        """A message with this id is on the queue."""
        mark = fingerprint(name)
        if mark in self._arrived:
            self._arrived[mark] += 1
        else:
            self._foreign[mark] += 1

    def compare(self) -> Comparison:
        lost = duplicates = 0
        for mark, arrived in self._arrived.items():
            surplus = arrived - 1 - self._served_again[mark]
            lost += max(0, -surplus)
            duplicates += max(0, surplus)
        return Comparison(
            served=len(self._arrived) + self._served_again.total(),
            enqueued=sum(self._arrived.values()) + self._foreign.total(),
            unique=sum(1 for arrived in self._arrived.values() if arrived) + len(self._foreign),
            lost=lost,
            duplicates=duplicates,
            foreign=self._foreign.total(),
        )


def fingerprint(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())
