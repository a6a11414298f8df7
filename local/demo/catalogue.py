"""The ids that the demo API has: the same seed gives the same ids on every machine.

Enters: a position. Leaves: an id of fixed width whose last part cannot be guessed from its number, so that a client
that makes ids up, or mixes two catalogues, is found out.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """`total` ids, numbered from 0."""

    total: int
    seed: int = 0

    def ids(self, start: int, stop: int) -> Iterator[str]:
        """The ids of a half-open range of positions, cut at the end of the catalogue."""
        keyed = hashlib.blake2b(digest_size=4, key=f"demo-{self.seed}".encode())
        for position in range(start, min(stop, self.total)):
            digest = keyed.copy()
            digest.update(b"%d" % position)
            yield f"order-{position:09d}-{digest.hexdigest()}"
