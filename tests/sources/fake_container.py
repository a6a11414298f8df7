"""A blob container in memory: as much of the storage client as the spool uses, with its conditions and its errors."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError


@dataclass
class Blob:
    data: bytes
    metadata: dict[str, str]
    etag: str


@dataclass
class FakeContainer:
    """`before` is called with the name of each operation before it takes effect, `after` when it has."""

    blobs: dict[str, Blob] = field(default_factory=dict)
    staged: dict[str, dict[str, bytes]] = field(default_factory=dict)
    before: Callable[[str], None] = lambda operation: None
    after: Callable[[str], None] = lambda operation: None
    versions: int = 0

    def get_blob_client(self, name: str) -> "FakeBlobClient":
        return FakeBlobClient(self, name)

    def put(self, name: str, data: bytes, metadata: dict[str, str] | None = None) -> None:
        self.versions += 1
        self.blobs[name] = Blob(data, metadata or {}, f"v{self.versions}")


class FakeBlobClient:
    def __init__(self, container: FakeContainer, name: str) -> None:
        self._container, self._name = container, name

    async def get_blob_properties(self) -> Any:
        self._container.before("properties")
        blob = self._found()
        return SimpleNamespace(metadata=blob.metadata, etag=blob.etag, size=len(blob.data))

    async def stage_block(self, block_id: str, data: bytes) -> None:
        self._container.before("stage")
        self._container.staged.setdefault(self._name, {})[block_id] = bytes(data)
        self._container.after("stage")

    async def commit_block_list(
        self,
        blocks: list[Any],
        metadata: dict[str, str],
        match_condition: MatchConditions | None = None,
        etag: str | None = None,
    ) -> None:
        self._container.before("commit")
        there = self._container.blobs.get(self._name)
        if match_condition == MatchConditions.IfMissing and there is not None:
            raise _refused("BlobAlreadyExists")
        if match_condition == MatchConditions.IfNotModified and (there is None or there.etag != etag):
            raise _refused("ConditionNotMet")
        staged = self._container.staged.pop(self._name, {})
        self._container.put(self._name, b"".join(staged[block.id] for block in blocks), metadata)
        self._container.after("commit")

    async def upload_blob(self, data: bytes, overwrite: bool = False) -> None:
        self._container.before("upload")
        assert overwrite or self._name not in self._container.blobs
        self._container.put(self._name, data)
        self._container.after("upload")

    async def download_blob(self, offset: int = 0, length: int | None = None) -> "Download":
        self._container.before("download")
        data = self._found().data
        return Download(data[offset : None if length is None else offset + length])

    def _found(self) -> Blob:
        if self._name not in self._container.blobs:
            raise ResourceNotFoundError("there is no such blob")
        return self._container.blobs[self._name]


@dataclass
class Download:
    data: bytes

    async def readall(self) -> bytes:
        return self.data

    async def chunks(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self.data), 100):  # small, so that lines are cut
            yield self.data[at : at + 100]


def _refused(code: str) -> HttpResponseError:
    error = HttpResponseError(code)
    error.error_code = code  # type: ignore[attr-defined]  # the storage client adds it
    return error
