"""Send the posts of a chunk with many requests at once, account for every message, and write checkpoints meanwhile.

Storage Queue has no batch send, so a million messages are a million requests. The code that runs for every message is
here, and in `put_message`, `shard` and `connection`.

1. A lane is one task. It takes a post, waits for its turn, puts the post on its shard, and takes the next post.
2. Together the lanes begin at most `window` puts after the last checkpoint, so a crash repeats no more puts than that.
   A put without an answer counts, and so does putting the same post again.
3. One task writes a checkpoint whenever half of these puts have their answer, or after `CHECKPOINT_SECONDS`. A written
   checkpoint shows that no other copy has taken the chunk over. If the last checkpoint is older than `OWNED_SECONDS`,
   no lane begins a put before the next checkpoint is written. So a copy in a process that was frozen learns that it
   has lost the chunk before it sends more.
4. The lanes stop at an error that no retry can fix, at the deadline, at a command, and when a checkpoint cannot be
   written; sleeping lanes wake. `send` then waits for the requests under way, so that the counts are exact.
5. If another copy has taken the chunk over, or after an unforeseen error, `send` cancels all lanes and raises.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from time import monotonic

from ingestion.errors import StorageRefused, StorageUnavailable
from ingestion.sending.accounting import Accounts
from ingestion.sending.ceiling import Turn
from ingestion.sending.message_format import BREATH_BYTES, Post, breathing
from ingestion.sending.put_message import Effort, MessageRefused, OutOfTime, put_message
from ingestion.sending.shard import Shard
from ingestion.storage.checkpoint import CHECKPOINT_SECONDS

OWNED_SECONDS = 15.0  # longer than CHECKPOINT_SECONDS, shorter than any takeover takes
MAX_REFUSALS = 20  # messages that the queue may refuse one by one: with more, the chunk fails


class QueueSender:
    """Sends one chunk; `save` writes a checkpoint of the accounts."""

    def __init__(
        self,
        shards: Sequence[Shard],
        accounts: Accounts,
        save: Callable[[], Awaitable[None]],
        *,
        concurrency: int,
        window: int,
        turn: Turn | None = None,
        owned_since: float | None = None,
    ) -> None:
        self.effort = Effort()
        self.error: str | None = None  # why no retry can finish the chunk
        self.out_of_time: str | None = None
        self.held: str | None = None  # the command that stopped the lanes
        self.save_error: StorageUnavailable | None = None  # the checkpoint write that failed and stopped the lanes
        self._shards = shards
        self._accounts = accounts
        self._save = save
        self._concurrency = concurrency
        self._window = min(window, len(accounts.marks))
        self._half = max(1, window // 2)
        self._turn = turn
        self._started = self._finished = self._saved = 0  # puts of this attempt
        self._owned_until = (monotonic() if owned_since is None else owned_since) + OWNED_SECONDS
        self._is_full = self._stopping = False
        self._due, self._room = asyncio.Event(), asyncio.Event()
        self._gate, self._looking = asyncio.Lock(), asyncio.Lock()
        self._asleep: set[asyncio.Future[None]] = set()

    async def send(self, posts: Iterator[Post], first_shard: int, deadline: float) -> None:
        """Send all posts that are not done, to the shards in turn from number `first_shard` on.

        When it returns, the accounts, `effort`, `error`, `out_of_time`, `held` and `save_error` are complete.
        StorageUnavailable of `save` becomes `save_error`; other errors of `save` and of the lanes pass through.
        """
        waiting = self._waiting(posts, first_shard)
        lanes = [asyncio.create_task(self._lane(waiting, deadline)) for _ in range(self._concurrency)]
        sending = asyncio.gather(*lanes)
        sending.add_done_callback(lambda _: self._stop())
        saving = asyncio.create_task(self._write_checkpoints())
        try:
            await asyncio.gather(sending, saving)
        finally:
            for task in (*lanes, saving):
                task.cancel()
            await asyncio.gather(*lanes, saving, return_exceptions=True)
        if self.held is None:
            async for _ in breathing(item[0] for item in waiting if item):
                pass  # `_waiting` counts the rejects among the posts that no lane reached

    def hold(self, command: str) -> None:
        """Stop because of a command."""
        self.held = command
        self._stop()

    def _waiting(self, posts: Iterator[Post], first_shard: int) -> Iterator[tuple[Post, Shard] | None]:
        """Yield each post that has to be sent, with its shard; yield None after every BREATH_BYTES of skipped posts."""
        accounts, shards, skipped = self._accounts, self._shards, 0
        for number, post in enumerate(posts, start=first_shard):
            shard = shards[number % len(shards)]
            if post.reason:
                accounts.reject(post)
            elif not accounts.is_done(post):
                skipped = 0
                yield post, shard
                continue
            skipped += post.weight
            if skipped >= BREATH_BYTES:
                skipped = 0
                yield None

    async def _lane(self, waiting: Iterator[tuple[Post, Shard] | None], deadline: float) -> None:
        while (item := await self._next(waiting)) is not None:
            post, shard = item
            if self._turn is not None or not self._has_room():
                await self._wait_for_turn(deadline)
            if monotonic() >= deadline:
                self._stop(out_of_time="the chunk needs more time than SLUICE_ENQUEUE_SECONDS")
            if self._stopping:
                break
            self._started += 1
            try:
                await put_message(shard, post.body, self.effort, deadline, self._is_stopping, self._again, self._sleep)
                self._accounts.enqueue(post)
            except MessageRefused as refusal:
                self._accounts.refuse(post, str(refusal))
                if len(self._accounts.refusals) > MAX_REFUSALS:
                    self._stop(error=f"the queue refuses too many messages; the last reason: {refusal}")
            except StorageRefused as error:
                self._stop(error=str(error))
                break
            except OutOfTime as reason:
                self._stop(out_of_time=str(reason))
                break
            self._finish()

    def _finish(self) -> None:
        """Count a put that has its answer or will never get one; start a checkpoint if it is due."""
        self._finished += 1
        if self._is_full or self._finished - self._saved >= self._half:
            self._due.set()

    async def _again(self, in_doubt: bool) -> None:
        """Wait until a post may be put once more, or until the lanes stop."""
        if in_doubt:
            self._finish()
        if not self._has_room(int(in_doubt)):
            async with self._gate:
                await self._wait_for_room(int(in_doubt))
        self._started += in_doubt

    def _has_room(self, puts: int = 1) -> bool:
        """Return whether the window has room for `puts` more, and a recent checkpoint shows that the chunk is owned."""
        return self._started + puts - self._saved <= self._window and self._is_owned()

    def _is_owned(self) -> bool:
        return monotonic() < self._owned_until

    async def _wait_for_room(self, puts: int = 1) -> None:
        """Wait until there is room for `puts` more, or until the lanes stop. Only one lane at a time may wait here."""
        while not self._has_room(puts) and not self._stopping:
            self._room.clear()
            self._is_full = True
            self._due.set()
            await self._room.wait()
        self._is_full = False

    async def _next(self, waiting: Iterator[tuple[Post, Shard] | None]) -> tuple[Post, Shard] | None:
        """Return the next post, or None at the end of the chunk. Only one lane at a time parses posts."""
        async with self._looking:
            for item in waiting:
                if item is not None:
                    return item
                await asyncio.sleep(0)
        return None

    async def _wait_for_turn(self, deadline: float) -> None:
        """Wait until the window and the run's ceiling have room for one more post, or until the lanes stop.

        One lane at a time waits here, and begins its post before the next lane checks.
        """
        async with self._gate:
            await self._wait_for_room()
            while self._turn is not None and not self._stopping and (now := monotonic()) < deadline:
                if not (wait := self._turn(now)):
                    break
                await self._sleep(min(wait, deadline - now))

    async def _write_checkpoints(self) -> None:
        """Write checkpoints until the lanes have stopped."""
        while not self._stopping:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECKPOINT_SECONDS):
                    await self._due.wait()
            self._due.clear()
            if self._stopping or (self._finished == self._saved and (self._is_owned() or not self._is_full)):
                continue
            finished, began = self._finished, monotonic()  # `save` reads the accounts before its first await
            try:
                await self._save()
            except StorageUnavailable as error:
                self.save_error = error
                self._stop()
                return
            self._saved, self._owned_until = finished, began + OWNED_SECONDS
            self._room.set()
            self._due.clear()  # puts that ended during `save` may have set it, by the count of the checkpoint before
            if self._finished - self._saved >= self._half:
                self._due.set()

    async def _sleep(self, seconds: float) -> None:
        """Sleep for `seconds`, or until the lanes stop."""
        loop = asyncio.get_running_loop()
        awake = loop.create_future()
        timer = loop.call_later(seconds, _wake, awake)
        self._asleep.add(awake)
        try:
            if not self._stopping:
                await awake
        finally:
            timer.cancel()
            self._asleep.discard(awake)

    def _is_stopping(self) -> bool:
        return self._stopping

    def _stop(self, *, error: str | None = None, out_of_time: str | None = None) -> None:
        """Stop the lanes before their next post; keep the first reason of each kind."""
        self.error = self.error or error
        self.out_of_time = self.out_of_time or out_of_time
        self._stopping = True
        self._room.set()
        self._due.set()
        for awake in self._asleep:
            _wake(awake)


def _wake(awake: asyncio.Future[None]) -> None:
    if not awake.done():
        awake.set_result(None)
