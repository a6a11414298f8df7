"""The watermark of a source: how far its runs have come, in a small blob beside the ledgers."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from azure.storage.blob.aio import BlobClient, ContainerClient

from ingestion.storage.json_blob import read_json
from ingestion.wire import from_wire

PREFIX = "watermarks/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """`value` is None before the first run and after a reset; `serial` grows with each change."""

    serial: int = 0
    value: str | None = None
    held: str | None = None  # the blob with digests of what the last run held


def slot(source: str, parameters: Mapping[str, str]) -> str:
    """Return the name of a watermark: each set of parameters of a source has its own."""
    pairs = [f"{name}={quote(value, safe='')}" for name, value in sorted(parameters.items())]
    return "/".join((source, *pairs))


async def read(container: ContainerClient, name: str) -> Watermark:
    """Return the watermark in the slot `name`; one without a value if there is none."""
    found = await read_json(_blob(container, name))
    return Watermark() if found is None else from_wire(Watermark, found)


def _blob(container: ContainerClient, name: str) -> BlobClient:
    return container.get_blob_client(f"{PREFIX}{name}.json")
