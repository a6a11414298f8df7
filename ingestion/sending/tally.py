"""How far the chunks are that this process sends, at any moment: the checkpoint of a chunk tells that of a while ago.

A chunk of which all messages are done stays here for a while, since its counts are final. One that is left before does
not, for another process may go on with it. While some of a window are sent here, so that its counts move, the
checkpoints of the others are read less often: to list them takes longer than all the rest.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

from ingestion import clock
from ingestion.contracts import Run, Settled
from ingestion.latest import Latest
from ingestion.sending.accounting import Accounts

KEPT_CHUNKS = 1_000  # that are done: more than the windows of all runs on a worker
READ_AGAIN = timedelta(seconds=5)

Read = Callable[[Iterable[int]], Awaitable[list[Settled]]]  # reads the checkpoints of chunks


class _Elsewhere(NamedTuple):
    """What the checkpoints of a window said when they were read."""

    read_at: datetime
    window: set[int]
    found: list[Settled]


class Tally:
    """The counts of the chunks that this process sends, and of those that it has sent to their end of late."""

    def __init__(self, most: int = KEPT_CHUNKS) -> None:
        self._sending: dict[tuple[Run, int], Accounts] = {}
        self._sent = Latest[tuple[Run, int], Settled](most)
        self._elsewhere: dict[Run, _Elsewhere] = {}

    @contextmanager
    def of(self, run: Run, number: int, accounts: Accounts) -> Iterator[None]:
        """Count a chunk from now on by its accounts, and after the block only if nothing of it is left to do."""
        chunk = run, number
        self._sending[chunk] = accounts
        self._sent.pop(chunk, None)
        try:
            yield
        finally:
            if self._sending.get(chunk) is accounts:  # else a later copy has begun
                del self._sending[chunk]
            if accounts.is_complete:
                self._sent.keep(chunk, _counts(number, accounts))
            else:
                self._elsewhere.pop(run, None)  # its checkpoint tells it from now on

    async def look(self, run: Run, window: Iterable[int], read: Read) -> list[Settled]:
        """Return how far the started chunks of a window are: those that are counted here, and others as `read` finds.

        What it found up to `READ_AGAIN` ago serves as long as chunks of the window are sent here. Raise what it raises.
        """
        numbers, now = {*window}, clock.now()
        here = {one.number: one for one in self.counts(run, numbers)}
        last, is_sending = self._elsewhere.get(run), any((run, number) in self._sending for number in numbers)
        if not is_sending or last is None or last.window != numbers or not now - READ_AGAIN < last.read_at <= now:
            last = _Elsewhere(now, numbers, await read(numbers - here.keys()))
            self._elsewhere = {run: one for run, one in self._elsewhere.items() if now - READ_AGAIN < one.read_at}
            self._elsewhere[run] = last
        return [*here.values(), *(one for one in last.found if one.number not in here)]

    def counts(self, run: Run, numbers: Iterable[int]) -> list[Settled]:
        """Return how far those of the chunks are that are counted here."""
        found = []
        for chunk in ((run, number) for number in numbers):
            if (accounts := self._sending.get(chunk)) is not None:
                found.append(_counts(chunk[1], accounts))
            elif chunk in self._sent:
                found.append(self._sent[chunk])
        return found


def _counts(number: int, accounts: Accounts) -> Settled:
    return Settled(number, len(accounts.marks), accounts.enqueued, accounts.rejected)
