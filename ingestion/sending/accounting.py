"""The accounts of a chunk: which of its messages are enqueued or rejected. They are exact at any time."""

import re
from collections.abc import Sequence

from ingestion.sending.message_format import Post

ENQUEUED, REJECTED = 1, 2  # values in `Accounts.marks`; 0 is neither


class Accounts:
    """One mark for each message of a chunk, and the reasons of rejects."""

    def __init__(self, count: int, confirmed: Sequence[tuple[int, int]], refusals: dict[int, str]) -> None:
        self.marks = bytearray(count)
        for first, stop in confirmed:
            self.marks[first:stop] = bytes([ENQUEUED]) * (min(stop, count) - first)
        self.refusals = dict(refusals)  # the queue refused these messages: reasons by index
        self.unsendable: dict[int, str] = {}  # Sluice finds these rejects in each attempt anew: reasons by index
        for index in refusals:
            self.marks[index] = REJECTED

    @property
    def enqueued(self) -> int:
        return self.marks.count(ENQUEUED)

    @property
    def rejected(self) -> int:
        return self.marks.count(REJECTED)

    @property
    def is_complete(self) -> bool:
        """Whether every message is enqueued or rejected."""
        return 0 not in self.marks

    @property
    def reasons(self) -> dict[int, str]:
        """Why messages are rejected, by their index in the chunk."""
        return self.unsendable | self.refusals

    def confirmed(self) -> tuple[tuple[int, int], ...]:
        """Return the half-open ranges of messages that are on the queue."""
        return tuple(found.span() for found in re.finditer(rb"\x01+", self.marks))

    def has(self, index: int) -> bool:
        """Return whether a message is enqueued or rejected."""
        return self.marks[index] != 0

    def is_done(self, post: Post) -> bool:
        """Return whether all messages of `post` are enqueued or rejected."""
        return 0 not in self.marks[post.first : post.stop]

    def enqueue(self, post: Post) -> None:
        """Mark the messages of `post` as enqueued."""
        self.marks[post.first : post.stop] = bytes([ENQUEUED]) * (post.stop - post.first)

    def reject(self, post: Post) -> None:
        """Mark the messages of `post` as rejected, because no queue can take them."""
        for index in range(post.first, post.stop):
            self.unsendable[index] = post.reason
            self.marks[index] = REJECTED

    def refuse(self, post: Post, reason: str) -> None:
        """Mark the messages of `post` as rejected, because the queue refused them."""
        for index in range(post.first, post.stop):
            self.refusals[index] = reason
            self.marks[index] = REJECTED
