"""Live counts of the chunks that this process sends; the checkpoints of these chunks are older.

The counts of a chunk whose messages are all done stay here for a while, because they are final. Those of a chunk that
ends unfinished are removed, because another process may continue the chunk. The counts of all other chunks come from
checkpoints, which are slow to list: once a second at most, or every five seconds while this process sends chunks of
the window.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

from ingestion import clock
from ingestion.contracts import Run, Settled
from ingestion.latest import Latest
from ingestion.sending.accounting import Accounts

KEPT_CHUNKS = 1_000  # done chunks: more than the windows of all runs on a worker have
READ_AGAIN = timedelta(seconds=5)  # between two reads of checkpoints while chunks of the window are sent here
READ_SOON = timedelta(seconds=1)  # between two reads otherwise

Read = Callable[[Iterable[int]], Awaitable[list[Settled]]]  # reads the checkpoints of chunks


class _Elsewhere(NamedTuple):
    """What the checkpoints of a window said when they were read; `is_old` once a chunk has left this process."""

    read_at: datetime
    window: set[int]
    found: list[Settled]
    is_old: bool = False


class Tally:
    """The counts of the chunks that this process sends, and of those that it has completed lately."""

    def __init__(self, most: int = KEPT_CHUNKS) -> None:
        self._sending: dict[tuple[Run, int], Accounts] = {}
        self._sent = Latest[tuple[Run, int], Settled](most)
        self._elsewhere: dict[Run, _Elsewhere] = {}

    @contextmanager
    def counting(self, run: Run, number: int, accounts: Accounts) -> Iterator[None]:
        """Count a chunk by its accounts during the block, and after it if the chunk is complete."""
        chunk = run, number
        self._sending[chunk] = accounts
        self._sent.pop(chunk, None)
        try:
            yield
        finally:
            if self._sending.get(chunk) is accounts:  # else a later copy of the activity has begun
                del self._sending[chunk]
            if accounts.is_complete:
                self._sent.keep(chunk, _counts(number, accounts))
            else:
                self._left(run, _counts(number, accounts))

    async def window_counts(self, run: Run, window: Iterable[int], read: Read) -> list[Settled]:
        """Return the counts of the started chunks of a window: those of this process, and the others from `read`.

        `read` is called once a second at most, and once in `READ_AGAIN` while chunks of the window are sent here. Its
        errors pass through.
        """
        numbers, now = {*window}, clock.now()
        here = {one.number: one for one in self.counts(run, numbers)}
        last, is_sending = self._elsewhere.get(run), any((run, number) in self._sending for number in numbers)
        is_current = last is not None and last.window == numbers and not last.is_old
        kept_for = READ_AGAIN if is_sending and is_current else READ_SOON
        if last is None or not now - kept_for < last.read_at <= now:
            last = _Elsewhere(now, numbers, await read(numbers - here.keys()))
            self._elsewhere = {run: one for run, one in self._elsewhere.items() if now - READ_AGAIN < one.read_at}
            self._elsewhere[run] = last
        return [*here.values(), *(one for one in last.found if one.number in numbers - here.keys())]

    def _left(self, run: Run, counts: Settled) -> None:
        """Keep the counts of a chunk that ended unfinished until the next look reads them from its checkpoint."""
        if (last := self._elsewhere.get(run)) is not None:
            others = (one for one in last.found if one.number != counts.number)
            self._elsewhere[run] = last._replace(found=[*others, counts], is_old=True)

    def counts(self, run: Run, numbers: Iterable[int]) -> list[Settled]:
        """Return the counts of those chunks that are counted here."""
        found = []
        for chunk in ((run, number) for number in numbers):
            if (accounts := self._sending.get(chunk)) is not None:
                found.append(_counts(chunk[1], accounts))
            elif chunk in self._sent:
                found.append(self._sent[chunk])
        return found


def _counts(number: int, accounts: Accounts) -> Settled:
    return Settled(number, len(accounts.marks), accounts.enqueued, accounts.rejected)
