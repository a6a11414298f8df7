"""The spool: one blob per batch, NDJSON, written a block per chunk and committed as a whole.

A batch appears complete or not at all. The first commit wins: a fetch that runs twice (activities run at least once)
finds the batch of the first one and reports that, so the chunks never read what a second fetch wrote. What a deleted
run with the same id has left counts as nothing, and what a younger one has written is not touched.
"""

import base64
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobBlock, StorageErrorCode
from azure.storage.blob.aio import BlobClient, ContainerClient

from ingestion.contracts import Batch, Cursor, EnqueueRequest
from ingestion.errors import SpoolConflict
from ingestion.started_at import is_same_run, is_younger_run
from ingestion.wire import from_wire, to_wire

INLINE_CURSOR_BYTES = 512  # a longer cursor travels by reference

_COMMITTED_BY_ANOTHER = (
    StorageErrorCode.BLOB_ALREADY_EXISTS,
    StorageErrorCode.CONDITION_NOT_MET,
    StorageErrorCode.INVALID_BLOCK_LIST,  # its commit dropped the blocks that this copy had staged
)


class Spool:
    """The batches and cursors of one run, in one container, under `runs/{run_id}/`."""

    def __init__(self, container: ContainerClient, run_id: str, run_started_at: str) -> None:
        self._container = container
        self._run_id = run_id
        self._run_started_at = run_started_at

    def blob_name(self, batch_index: int) -> str:
        """The one name of a batch, so that fetching it again finds it."""
        return f"runs/{self._run_id}/batches/{batch_index:06}.ndjson"

    async def find(self, batch_index: int) -> Batch | None:
        """The batch, if this run has committed it already. Raises SpoolConflict if a younger run has its id."""
        try:
            properties = await self._blob(self.blob_name(batch_index)).get_blob_properties()
        except ResourceNotFoundError:
            return None
        facts = properties.metadata or {}
        if not _is_of(facts, self._run_started_at):
            return None
        return from_wire(Batch, json.loads(facts["batch"]))

    def writer(self, batch_index: int) -> "BatchWriter":
        """A writer for the batch; nothing is visible before its `commit`."""
        return BatchWriter(self._blob(self.blob_name(batch_index)), batch_index, self._run_started_at)

    async def load_cursor(self, cursor: Cursor | None) -> Any:
        """The JSON value that the source gave as its cursor; None stands for the start."""
        if cursor is None:
            return None
        if cursor.blob is None:
            return json.loads(cursor.text or "null")
        return json.loads(await self.load(cursor.blob))

    async def store_cursor(self, batch_index: int, value: Any) -> Cursor:
        """A reference to the cursor that fits into the run's state, however long the source's own is."""
        text = json.dumps(value, separators=(",", ":"))
        if len(text.encode()) <= INLINE_CURSOR_BYTES:
            return Cursor(text=text)
        return Cursor(blob=await self.store(batch_index, "cursor", text.encode()))

    async def store(self, batch_index: int, kind: str, data: bytes) -> str:
        """Keep `data` beside the batch; returns its blob's name, which no other copy of the fetch uses."""
        name = f"runs/{self._run_id}/cursors/{batch_index:06}-{kind}-{secrets.token_hex(4)}"
        await self._blob(name).upload_blob(data)
        return name

    async def load(self, name: str) -> bytes:
        """What `store` kept."""
        download = await self._blob(name).download_blob()
        return bytes(await download.readall())

    async def lines(self, batches: int) -> AsyncIterator[bytes]:
        """Each message, as a line, of the batches below `batches`."""
        for index in range(batches):
            download = await self._blob(self.blob_name(index)).download_blob()
            rest = b""
            async for data in download.chunks():
                *whole, rest = (rest + data).split(b"\n")
                for line in whole:
                    yield line + b"\n"

    def _blob(self, name: str) -> BlobClient:
        return self._container.get_blob_client(name)


class BatchWriter:
    """Stages the messages of a batch, one block per chunk, and commits them together."""

    def __init__(self, blob: BlobClient, batch_index: int, run_started_at: str) -> None:
        self._blob = blob
        self._batch_index = batch_index
        self._run_started_at = run_started_at
        self._token = secrets.token_hex(4)  # two copies of one fetch must not stage blocks of the same name
        self._blocks: list[BlobBlock] = []
        self._offsets: list[int] = []
        self._size_bytes = 0
        self._count = 0

    @property
    def count(self) -> int:
        """Messages written so far."""
        return self._count

    def mark(self) -> tuple[int, int, int]:
        """Where the batch is now, for `rewind`."""
        return len(self._blocks), self._size_bytes, self._count

    def rewind(self, mark: tuple[int, int, int]) -> None:
        """Forget what was staged after `mark`: blocks that are not in the committed list vanish."""
        blocks, self._size_bytes, self._count = mark
        del self._blocks[blocks:], self._offsets[blocks:]

    async def write_chunk(self, lines: list[bytes]) -> None:
        """Stage messages (each a line of JSON, at least one) as the next chunk of the batch."""
        data = b"".join(lines)
        block_id = base64.b64encode(f"{self._token}-{len(self._blocks):06}".encode()).decode()
        await self._blob.stage_block(block_id, data)
        self._blocks.append(BlobBlock(block_id=block_id))
        self._offsets.append(self._size_bytes)
        self._size_bytes += len(data)
        self._count += len(lines)

    async def commit(self, batch: Batch) -> Batch:
        """Make the batch visible as a whole; returns `batch` completed with what was written.

        Raises SpoolConflict if another copy of this fetch has committed it meanwhile, or a younger run has its id.
        """
        batch = replace(batch, count=self._count, offsets=tuple(self._offsets), size_bytes=self._size_bytes)
        facts = {"run_started_at": self._run_started_at, "batch": json.dumps(to_wire(batch))}
        try:
            await self._blob.commit_block_list(self._blocks, metadata=facts, **await self._only_if_unchanged())
        except HttpResponseError as error:
            if getattr(error, "error_code", None) not in _COMMITTED_BY_ANOTHER:
                raise
            raise SpoolConflict(f"batch {self._batch_index} was committed by another copy of this fetch") from error
        return batch

    async def _only_if_unchanged(self) -> dict[str, Any]:
        """The condition under which this commit is the first of its run: no blob yet, or one of an earlier run."""
        try:
            earlier = await self._blob.get_blob_properties()
        except ResourceNotFoundError:
            return {"match_condition": MatchConditions.IfMissing}
        if _is_of(earlier.metadata or {}, self._run_started_at):
            raise SpoolConflict(f"batch {self._batch_index} was committed by another copy of this fetch")
        return {"etag": earlier.etag, "match_condition": MatchConditions.IfNotModified}


async def read_messages(container: ContainerClient, request: EnqueueRequest) -> list[Any]:
    """The messages (JSON values) of a chunk. Raises SpoolConflict if its batch is now that of a younger run."""
    start, size = request.start_byte, request.end_byte - request.start_byte
    download = await container.get_blob_client(request.blob).download_blob(offset=start, length=size)
    _is_of(download.properties.metadata or {}, request.run_started_at)
    return [json.loads(line) for line in (await download.readall()).splitlines()]


def _is_of(metadata: dict[str, str], run_started_at: str) -> bool:
    """Whether a batch is of the run that was started then. Raises SpoolConflict if it is of a younger one."""
    found = metadata.get("run_started_at")
    if is_younger_run(found, run_started_at):
        raise SpoolConflict("this run was deleted, and another was started with its id; this copy of it has stopped")
    return is_same_run(found, run_started_at)
