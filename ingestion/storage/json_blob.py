"""JSON objects in blobs, indented for people, and changed atomically."""

import json
from collections.abc import Callable
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient

from ingestion.storage.turns import turns
from ingestion.wire import JsonObject


async def read_json(blob: BlobClient) -> JsonObject | None:
    """Return the JSON object in a blob; None if there is no such blob."""
    found, _ = await _read(blob)
    return found


async def change_json(blob: BlobClient, change: Callable[[JsonObject | None], JsonObject | None]) -> JsonObject | None:
    """Replace the JSON object in a blob with the result of `change`, and return what is there afterwards.

    `change` gets None if there is no blob, and returns None to change nothing. If another writer was faster, call it
    again. Raise StorageUnavailable if other writers are faster again and again.
    """
    async for _ in turns(f"change {blob.blob_name}"):
        found, etag = await _read(blob)
        new = change(found)
        if new is None:
            return found
        condition: dict[str, Any] = {"match_condition": MatchConditions.IfMissing}
        if etag is not None:
            condition = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        try:
            await write_json(blob, new, **condition)
            return new
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
            continue
    raise AssertionError("turns() raises after its last turn")


async def write_json(blob: BlobClient, value: JsonObject, **condition: Any) -> None:
    """Write a JSON object into a blob."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    await blob.upload_blob(text.encode(), overwrite=True, **condition)


async def _read(blob: BlobClient) -> tuple[JsonObject | None, str | None]:
    try:
        download = await blob.download_blob()
        found: JsonObject = json.loads(await download.readall())
    except ResourceNotFoundError:
        return None, None
    return found, str(download.properties.etag)
