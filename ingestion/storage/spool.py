"""The spool: one NDJSON blob for each chunk that a run has fetched, and one commit record for each batch.

A batch appears complete or not at all: its chunks count once its commit record exists, and the first commit wins. If a
fetch runs twice (activities run at least once), both copies return the batch that was committed first. Each attempt
writes its chunks under its own token, which the commit record names, so a late copy cannot change a committed batch.
"""

import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, ContainerClient

from ingestion.contracts import Batch, Chunk, Cursor, FetchRequest, Run
from ingestion.wire import JsonObject, from_wire, to_wire

INLINE_CURSOR_BYTES = 360  # a longer cursor is in a blob, and the state names that blob


def chunk_name(run: Run, chunk: Chunk) -> str:
    """Return the name of the blob that holds a chunk."""
    return f"{run.folder}chunks/{chunk.number:08}-{chunk.token}.ndjson"


class Spool:
    """The batches, chunks and cursors of one run, in one container."""

    def __init__(self, container: ContainerClient, run: Run) -> None:
        self._container = container
        self._run = run

    async def open(self, request: FetchRequest) -> "Batch | OpenBatch":
        """Return the batch that a copy of this fetch has committed, else an open batch."""
        try:
            committed = await self.read(_commit_name(request.batch_index))
        except ResourceNotFoundError:
            at, parts = await self.load_cursor(request.cursor)
            return OpenBatch(at, parts, BatchWriter(self._container, self._run, request.first_chunk))
        return from_wire(Batch, json.loads(committed))

    async def commit(self, batch: Batch) -> Batch:
        """Commit the batch and return it. If another copy of this fetch was faster, return its batch instead."""
        name, data = _commit_name(batch.index), json.dumps(to_wire(batch)).encode()
        facts = {field: str(getattr(batch, field)) for field in ("token", "first_chunk", "chunks")}
        with suppress(ResourceExistsError, ResourceModifiedError):
            await self._blob(name).upload_blob(
                data, overwrite=True, metadata=facts, match_condition=MatchConditions.IfMissing
            )
            return batch
        return await self._committed(batch.index)

    async def load_cursor(self, cursor: Cursor | None) -> tuple[Any, dict[str, bytes]]:
        """Return the position that `store_cursor` stored (None: the start of the source), and its parts."""
        if cursor is None:
            return None, {}
        stored = json.loads(await self.read(cursor.blob) if cursor.blob else cursor.text or "null")
        return stored["at"], {kind: await self.read(name) for kind, name in stored["parts"].items()}

    async def store_cursor(
        self, batch_index: int, at: JsonObject, parts: Mapping[str, bytes], *, hidden: bool = False
    ) -> Cursor:
        """Return a cursor that fits into the state: the position `at`, with its long `parts` in blobs.

        A `hidden` position is always in a blob, because the status of an instance shows the state.
        """
        names = {kind: await self.store(batch_index, kind, data) for kind, data in parts.items() if data}
        text = json.dumps({"at": at, "parts": names}, separators=(",", ":"))
        if len(text.encode()) <= INLINE_CURSOR_BYTES and not hidden:
            return Cursor(text=text)
        return Cursor(blob=await self.store(batch_index, "cursor", text.encode()))

    async def lines(self, batches: int) -> AsyncIterator[bytes]:
        """Yield each message of the first `batches` batches, as a line."""
        for index in range(batches):
            batch = await self._committed(index)
            for number in range(batch.first_chunk, batch.first_chunk + batch.chunks):
                for line in await read_lines(self._container, self._run, Chunk(number, batch.token)):
                    yield line

    async def remember(self, source: str, description: str) -> None:
        """Remember for later runs that, with this description, the first page of the source led to a second."""
        await self._of_source(source).upload_blob(description.encode(), overwrite=True)

    async def remembers(self, source: str, description: str) -> bool:
        """Return whether the first page of the source led to a second in any run with this description."""
        try:
            download = await self._of_source(source).download_blob()
        except ResourceNotFoundError:
            return False
        return bytes(await download.readall()) == description.encode()

    async def _committed(self, batch_index: int) -> Batch:
        return from_wire(Batch, json.loads(await self.read(_commit_name(batch_index))))

    async def read(self, name: str, first_byte: int | None = None, most: int | None = None) -> bytes:
        """Return the bytes of a blob of the run, from `first_byte` on and `most` at most if given."""
        download = await self._blob(name).download_blob(offset=first_byte, length=most)
        return bytes(await download.readall())

    async def read_outside(self, name: str) -> bytes:
        """Return the bytes of a blob that belongs to no run."""
        download = await self._container.get_blob_client(name).download_blob()
        return bytes(await download.readall())

    async def store(self, batch_index: int, kind: str, data: bytes, place: str = "cursors") -> str:
        """Store `data` for the batch; return the name of its blob, which no other copy of the fetch uses."""
        name = f"{place}/{batch_index:06}-{kind}-{secrets.token_hex(4)}"
        await self._blob(name).upload_blob(data, overwrite=True)  # the client retries if an answer was lost
        return name

    def _of_source(self, source: str) -> BlobClient:
        return self._container.get_blob_client(f"sources/{source}")

    def _blob(self, name: str) -> BlobClient:
        return self._container.get_blob_client(self._run.folder + name)


class OpenBatch(NamedTuple):
    """The input of a fetch: the position in the source as JSON (None: its start), its long parts, and a writer."""

    at: Any
    parts: dict[str, bytes]
    writer: "BatchWriter"


class BatchWriter:
    """Writes each chunk of a batch as soon as it is complete, under the token of this attempt."""

    def __init__(self, container: ContainerClient, run: Run, first_chunk: int) -> None:
        self._container, self._run = container, run
        self.token = secrets.token_hex(4)
        self.first_chunk = self.next_chunk = first_chunk
        self.count = self.size_bytes = 0

    async def write_chunk(self, lines: list[bytes]) -> None:
        """Write messages (each a line of JSON, at least one) as the next chunk of the batch."""
        data = b"".join(lines)
        name = chunk_name(self._run, Chunk(self.next_chunk, self.token))
        # This overwrites the chunk of a page that was cut off and is requested again.
        await self._container.get_blob_client(name).upload_blob(
            data, overwrite=True, metadata={"count": str(len(lines))}
        )
        self.next_chunk += 1
        self.count += len(lines)
        self.size_bytes += len(data)

    def mark(self) -> tuple[int, int, int]:
        """Return the present end of the batch, for `go_back`."""
        return self.next_chunk, self.count, self.size_bytes

    def go_back(self, mark: tuple[int, int, int]) -> None:
        """Forget what was written after `mark`."""
        self.next_chunk, self.count, self.size_bytes = mark


async def read_lines(container: ContainerClient, run: Run, chunk: Chunk) -> list[bytes]:
    """Return the messages of a chunk, each a line of JSON."""
    download = await container.get_blob_client(chunk_name(run, chunk)).download_blob()
    return bytes(await download.readall()).splitlines(keepends=True)


async def count_of(container: ContainerClient, run: Run, chunk: Chunk) -> int:
    """Return how many messages a chunk has."""
    properties = await container.get_blob_client(chunk_name(run, chunk)).get_blob_properties()
    return int(properties.metadata["count"])


async def committed_tokens(container: ContainerClient, run: Run) -> dict[int, str]:
    """Return the token of each chunk whose batch is committed."""
    tokens = dict[int, str]()
    async for blob in container.list_blobs(name_starts_with=f"{run.folder}batches/", include=["metadata"]):
        facts = blob.metadata
        numbers = range(int(facts["first_chunk"]), int(facts["first_chunk"]) + int(facts["chunks"]))
        tokens |= dict.fromkeys(numbers, facts["token"])
    return tokens


def _commit_name(batch_index: int) -> str:
    return f"batches/{batch_index:06}.json"
