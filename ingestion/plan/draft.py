"""The draft replaces the spool during a plan: it keeps in memory what the next fetch reads, and stores nothing.

For each chunk it makes the queue messages that a run would send, counts them, and keeps only the first few.
"""

import base64
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import Batch, Chunk, Cursor, EnqueueRequest, FetchRequest, Run
from ingestion.sending.message_format import Post, breathing, message_key, posts_of
from ingestion.settings import Settings
from ingestion.storage.spool import BatchWriter, OpenBatch, Spool
from ingestion.wire import JsonObject

OF_NO_RUN = Run("{run}", "{start}")  # placeholders for the id and the start of a run, in keys
SHOWN_MESSAGES = 3
_ELEMENT = (b"<QueueMessage><MessageText>", b"</MessageText></QueueMessage>")


@dataclass(frozen=True, slots=True)
class Sent:
    """A queue message that a run would send: the key of its first message, its text before encoding, its size after
    encoding, and how many messages it holds.
    """

    key: str
    text: str
    bytes: int
    messages: int


@dataclass(slots=True)
class ChunkDraft:
    """What a run would send of one chunk; `rejected` counts messages by reason, such as "too_large: ..."."""

    messages: int = 0
    bytes: int = 0  # of the messages as JSON
    posts: int = 0  # queue messages
    rejected: Counter[str] = field(default_factory=Counter)
    first: list[Sent] = field(default_factory=list)


class Draft(Spool):
    """A spool that stores nothing. It reads what `remember` of other runs has left in `container`, if there is one."""

    def __init__(self, container: ContainerClient | None, source: str, settings: Settings) -> None:
        super().__init__(cast(ContainerClient, container), OF_NO_RUN)
        self._has_container = container is not None
        self._source, self._settings = source, settings
        self._left: tuple[Any, dict[str, bytes]] = None, {}
        self._blobs: dict[str, bytes] = {}
        self.chunks: dict[int, ChunkDraft] = {}

    @property
    def position(self) -> Any:
        """The position, as JSON, at which the next fetch begins; None for the start of the source."""
        return self._left[0]

    async def open(self, request: FetchRequest) -> OpenBatch:
        """Return the input of the next fetch."""
        return OpenBatch(*self._left, _Writer(self, request.first_chunk))

    async def commit(self, batch: Batch) -> Batch:
        """Return the batch."""
        return batch

    async def store_cursor(
        self, batch_index: int, at: JsonObject, parts: Mapping[str, bytes], *, hidden: bool = False
    ) -> Cursor:
        """Hold the position for the next fetch."""
        self._left = at, {kind: data for kind, data in parts.items() if data}
        return Cursor(text="null")

    async def store(self, batch_index: int, kind: str, data: bytes, place: str = "cursors") -> str:
        """Hold `data` for the next fetch."""
        self._blobs[kind] = data
        return kind

    async def read(self, name: str, first_byte: int | None = None, most: int | None = None) -> bytes:
        """Return what `store` has kept."""
        return self._blobs[name]

    async def remember(self, source: str, description: str) -> None:
        """Remember nothing: a plan must not change later runs."""

    async def remembers(self, source: str, description: str) -> bool:
        """Return whether the first page of the source led to a second in any run with this description."""
        return self._has_container and await super().remembers(source, description)

    async def take(self, number: int, lines: list[bytes]) -> None:
        """Count what a run would send of a chunk. Drop an earlier chunk with this number: its page was cut off."""
        request = EnqueueRequest(run=OF_NO_RUN, source=self._source, chunk=Chunk(number, ""))
        chunk = self.chunks[number] = ChunkDraft(len(lines), sum(map(len, lines)))
        async for post in breathing(posts_of(lines, request, self._settings)):
            if post.reason:
                chunk.rejected[post.reason] += 1
                continue
            chunk.posts += 1
            if len(chunk.first) < SHOWN_MESSAGES:
                chunk.first.append(self._sent(request, post))

    def _sent(self, request: EnqueueRequest, post: Post) -> Sent:
        begins, ends = map(len, _ELEMENT)
        encoded = post.body[begins:-ends]
        plain = base64.b64decode(encoded) if self._settings.message_encoding == "base64" else encoded
        return Sent(message_key(request, post.first), plain.decode(), len(encoded), post.stop - post.first)


class _Writer(BatchWriter):
    """Passes the chunks of a batch to the draft."""

    def __init__(self, draft: Draft, first_chunk: int) -> None:
        self._draft = draft
        self.token = secrets.token_hex(4)
        self.first_chunk = self.next_chunk = first_chunk
        self.count = self.size_bytes = 0

    async def write_chunk(self, lines: list[bytes]) -> None:
        """Take messages as the next chunk of the batch."""
        await self._draft.take(self.next_chunk, lines)
        self.next_chunk += 1
        self.count += len(lines)
        self.size_bytes += sum(map(len, lines))
