"""Send a chunk: read its messages from the spool and put them on the queue, or queues.

A permanent failure to send is returned in the receipt and not raised, so Durable Functions does not retry it and the
other chunks go on. An attempt sends only what earlier attempts have not sent. A finished chunk returns its receipt
again.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from time import monotonic

from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import OUT_OF_TIME, EnqueueRequest, Receipt
from ingestion.deadline import seconds_to_begin
from ingestion.errors import ChunkOutOfTime
from ingestion.hold import Hold
from ingestion.sending.accounting import Accounts
from ingestion.sending.ceiling import Turn
from ingestion.sending.message_format import Post, breathing, posts_of
from ingestion.sending.queue_sender import QueueSender
from ingestion.sending.queues import Queues
from ingestion.sending.reject import write_rejects
from ingestion.sending.tally import Tally
from ingestion.settings import Settings
from ingestion.storage.checkpoint import Checkpoint, CheckpointFile, Refusal
from ingestion.storage.failures import storage_errors
from ingestion.storage.spool import count_of, read_lines


async def enqueue(
    request: EnqueueRequest,
    container: ContainerClient,
    queues: Queues,
    settings: Settings,
    hold: Hold | None = None,
    tally: Tally | None = None,
) -> Receipt:
    """Put the messages of one chunk on the queues of `settings`, and account for each of them.

    A chunk is held back for a command or a change, or when it is out of time but has made progress: a later window
    continues it.
    Raise StorageRefused or StorageUnavailable if the chunk or its checkpoint cannot be read or written, ChunkOutOfTime
    if the chunk has made no progress in time, ChunkTakenOver, or ChunkSettled. After an error, the next attempt
    continues from the last checkpoint.
    """
    began, where = monotonic(), f"chunk {request.chunk.number} of run {request.run.id}"
    file = CheckpointFile(container, request.run, request.chunk, request.attempt)
    with storage_errors(f"read {where} and its checkpoint"):
        # Claim the checkpoint before reading the messages: a clean-up deletes the chunk first, then its checkpoint. So
        # a late copy of this activity that makes a new checkpoint finds no messages to send.
        count = await count_of(container, request.run, request.chunk)
        earlier = await file.claim(count, unknown=min(settings.checkpoint_messages, count))
        if earlier.receipt is not None:
            return earlier.receipt
        lines = await read_lines(container, request.run, request.chunk)

    async with queues.ceilings.turns(request.run.folder, settings.max_messages_per_second) as turn:
        attempt = _Attempt(request, file, earlier, container, queues, settings, began, lines, turn)
        posts = posts_of(lines, request, settings, attempt.accounts.has)
        if earlier.unsendable:  # find all unsendable messages before the first checkpoint replaces this count
            posts = iter(await attempt.rejected_first(posts))
        deadline = began + min(settings.enqueue_seconds, seconds_to_begin())
        counted = (tally or Tally()).counting(request.run, request.chunk.number, attempt.accounts)
        with counted, (hold or Hold()).calling(attempt.sender.hold):
            await attempt.sender.send(posts, request.chunk.number, deadline)

    checkpoint = attempt.checkpoint(unknown=0)
    receipt = attempt.receipt(checkpoint)
    if not receipt.failed:
        checkpoint = replace(checkpoint, receipt=receipt)
    await attempt.write(checkpoint)
    if checkpoint.receipt is not None and (earlier.unknown or earlier.rejected):
        await attempt.tidy_rejects()
    if receipt.failed and receipt.error is None:
        if attempt.sender.save_error is not None:
            raise attempt.sender.save_error
        if attempt.sender.held is not None:
            return replace(receipt, held=attempt.sender.held)
        if checkpoint.done > earlier.done:
            return replace(receipt, held=OUT_OF_TIME)
        raise ChunkOutOfTime(f"{attempt.sender.out_of_time}; {receipt.failed} of {receipt.messages} messages are left")
    return receipt


class _Attempt:
    """One attempt to send a chunk; it continues earlier attempts."""

    def __init__(
        self,
        request: EnqueueRequest,
        file: CheckpointFile,
        earlier: Checkpoint,
        container: ContainerClient,
        queues: Queues,
        settings: Settings,
        began: float,
        lines: list[bytes],
        turn: Turn | None,
    ) -> None:
        self._container, self._lines, self._written = container, lines, 0
        self._request, self._file, self._earlier, self._began = request, file, earlier, began
        self._window = settings.checkpoint_messages
        refusals = {refusal.index: refusal.reason for refusal in earlier.refusals}
        self.accounts = Accounts(earlier.count, earlier.confirmed, refusals)
        self.sender = QueueSender(
            queues.shards(settings),
            self.accounts,
            self.save,
            concurrency=min(settings.send_concurrency, earlier.count),
            window=self._window,
            turn=turn,
            owned_since=began,
        )

    async def save(self) -> None:
        """Write a checkpoint in the middle of the chunk. The errors are those of `write`."""
        await self.write(self.checkpoint(unknown=min(self._window, self._earlier.count)))

    async def write(self, checkpoint: Checkpoint) -> None:
        """Write the rejects, if there are new ones, and then the checkpoint that counts them.

        Raise StorageUnavailable, or ChunkTakenOver if another attempt has begun.
        """
        reasons = self.accounts.reasons
        with self._writing():
            if len(reasons) > self._written:
                await write_rejects(self._container, self._request, self._lines, reasons)
                self._written = len(reasons)
            await self._file.write(checkpoint)

    async def tidy_rejects(self) -> None:
        """Remove rejects that do not count: this attempt may have sent messages that an earlier attempt rejected."""
        with self._writing():
            await write_rejects(self._container, self._request, self._lines, self.accounts.reasons, alone=True)

    def _writing(self) -> AbstractContextManager[None]:
        where = f"chunk {self._request.chunk.number} of run {self._request.run.id}"
        return storage_errors(f"write the checkpoint and the rejects of {where}")

    async def rejected_first(self, posts: Iterable[Post]) -> list[Post]:
        """Reject the posts that cannot be sent; return all posts."""
        found = [post async for post in breathing(posts)]
        for post in found:
            if post.reason:
                self.accounts.reject(post)
        return found

    def checkpoint(self, unknown: int) -> Checkpoint:
        """Return how far the chunk is now, over all attempts."""
        earlier, effort = self._earlier, self.sender.effort
        return replace(
            earlier,
            confirmed=self.accounts.confirmed(),
            refusals=tuple(Refusal(index=index, reason=why) for index, why in self.accounts.refusals.items()),
            # Each attempt counts these again: with other settings it may send what an earlier attempt could not.
            unsendable=len(self.accounts.unsendable),
            unknown=unknown,
            retries=earlier.retries + effort.retries,
            throttled_seconds=round(earlier.throttled_seconds + effort.throttled_seconds, 3),
            possible_duplicates=earlier.possible_duplicates + effort.possible_duplicates,
            seconds=round(earlier.seconds + monotonic() - self._began, 3),
        )

    def receipt(self, checkpoint: Checkpoint) -> Receipt:
        """Return the receipt of the chunk after this attempt."""
        return Receipt(
            messages=self._earlier.count,
            enqueued=self.accounts.enqueued,
            rejected=self.accounts.rejected,
            resumed_from=self._earlier.done,
            retries=checkpoint.retries,
            throttled_seconds=checkpoint.throttled_seconds,
            possible_duplicates=checkpoint.possible_duplicates,
            seconds=checkpoint.seconds,
            retried_because=self.sender.effort.last_problem,
            error=self.sender.error,
        )
