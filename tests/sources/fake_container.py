"""A blob container in memory: the part of the storage client that the spool uses, with conditions and errors."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError


@dataclass
class Blob:
    data: bytes
    metadata: dict[str, str]


async def nothing(operation: str) -> None:
    """Do nothing between two storage operations."""


@dataclass
class FakeContainer:
    """`step` is awaited before each operation, and again after each one that writes."""

    blobs: dict[str, Blob] = field(default_factory=dict)
    step: Callable[[str], Awaitable[None]] = nothing

    def get_blob_client(self, name: str) -> "FakeBlobClient":
        return FakeBlobClient(self, name)

    async def list_blobs(self, name_starts_with: str, include: list[str]) -> AsyncIterator[Any]:
        assert include == ["metadata"]
        for name, blob in sorted(self.blobs.items()):
            if name.startswith(name_starts_with):
                yield SimpleNamespace(name=name, metadata=blob.metadata)


class FakeBlobClient:
    def __init__(self, container: FakeContainer, name: str) -> None:
        self._container, self._name, self._range = container, name, slice(None)

    async def upload_blob(
        self,
        data: bytes,
        overwrite: bool = False,
        metadata: dict[str, str] | None = None,
        match_condition: MatchConditions | None = None,
    ) -> None:
        await self._container.step(f"upload {self._name}")
        if self._name in self._container.blobs and (not overwrite or match_condition == MatchConditions.IfMissing):
            raise ResourceExistsError("there is such a blob")
        self._container.blobs[self._name] = Blob(bytes(data), metadata or {})
        await self._container.step(f"uploaded {self._name}")

    async def download_blob(self, offset: int | None = None, length: int | None = None) -> "FakeBlobClient":
        await self._container.step(f"download {self._name}")
        if self._name not in self._container.blobs:
            raise ResourceNotFoundError("there is no such blob")
        read = FakeBlobClient(self._container, self._name)
        read._range = slice(offset, None if length is None else (offset or 0) + length)
        return read

    async def readall(self) -> bytes:
        return self._container.blobs[self._name].data[self._range]
