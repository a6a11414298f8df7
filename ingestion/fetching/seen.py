"""Keep fingerprints of a run's requests and pages, to detect at once that a source repeats itself.

A run has eight bytes for each request in one blob, and for each page in another; each batch writes both blobs again.
This finds loops of any length, and takes 800 KB a blob at the default limit of 100,000 pages. One of some 40 million
runs of a million pages has two pages that share a fingerprint by accident.
"""

import hashlib
import json

from ingestion.source.page import PageRequest

FINGERPRINT_BYTES = 8


class Seen:
    """Fingerprints in the order of the pages."""

    def __init__(self, stored: bytes = b"") -> None:
        self._log = bytearray(stored)
        width = FINGERPRINT_BYTES
        self._pages = {bytes(self._log[at : at + width]): at // width for at in range(0, len(self._log), width)}

    def __len__(self) -> int:
        return len(self._log) // FINGERPRINT_BYTES

    def page_of(self, mark: bytes) -> int | None:
        """Return the number, from 1, of the page with the same fingerprint; None for a new one."""
        index = self._pages.get(mark)
        return None if index is None else index + 1

    def add(self, mark: bytes) -> None:
        """Add the fingerprint of the next page."""
        self._pages.setdefault(mark, len(self))
        self._log += mark

    def dump(self) -> bytes:
        """Return the bytes from which to make this object again."""
        return bytes(self._log)


def fingerprint(request: PageRequest) -> bytes:
    """Return the fingerprint of all parts of a request."""
    whole = [request.method, request.url, dict(request.query), dict(request.headers), request.body]
    return hashlib.blake2b(json.dumps(whole, sort_keys=True).encode(), digest_size=FINGERPRINT_BYTES).digest()
