"""The rejects of a chunk: messages that no queue can take, kept with the reason instead of being cut or lost.

Each chunk has one NDJSON blob. People can correct the messages and send them again. If two copies of the activity write
the blob, neither removes the lines of the other: each adds to what it has read, on the condition that the blob has not
changed since.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, ContainerClient

from ingestion.contracts import EnqueueRequest
from ingestion.sending.message_format import message_key
from ingestion.storage.turns import turns


async def write_rejects(
    container: ContainerClient,
    request: EnqueueRequest,
    lines: Sequence[bytes],
    reasons: Mapping[int, str],
    *,
    alone: bool = False,
) -> None:
    """Write a line `{"key", "reason", "message"}` for each message in `reasons`, which maps its index to the reason.

    Keep the lines that are there; with `alone`, remove them. Raise StorageUnavailable if other writers are faster again
    and again.
    """
    blob, wanted = container.get_blob_client(rejects_name(request)), dict[int, str]()
    for index, reason in reasons.items():
        wanted[index] = f"{_head(message_key(request, index), reason)}{lines[index].decode().strip()}}}"
    async for _ in turns(f"write the rejects of chunk {request.chunk.number} of run {request.run.id}"):
        found, condition = await _read(blob)
        kept = wanted if alone else found | wanted
        if kept.keys() == found.keys():
            return
        with suppress(ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
            text = "".join(f"{kept[index]}\n" for index in sorted(kept))
            await blob.upload_blob(text, overwrite=True, **condition)
            return


def rejects_name(request: EnqueueRequest) -> str:
    """Return the name of the blob that holds the rejects of a chunk."""
    return f"{request.run.folder}rejected/{request.chunk.number:08}.ndjson"


def read_reject(line: bytes) -> tuple[str, str, str]:
    """Return key, reason and message of a line; the message is the JSON text from the source, unchanged."""
    text, found = line.decode(), json.loads(line)
    return found["key"], found["reason"], text[len(_head(found["key"], found["reason"])) : -1]


def _head(key: str, reason: str) -> str:
    """Return the part of a line before its message."""
    head = json.dumps({"key": key, "reason": reason})
    return f'{head[:-1]}, "message": '


async def _read(blob: BlobClient) -> tuple[dict[int, str], dict[str, Any]]:
    """Return the lines of a blob by index in the chunk, and the condition for replacing them."""
    try:
        download = await blob.download_blob()
        lines = (await download.readall()).splitlines()  # bytes, because `str` splits at more characters
    except ResourceNotFoundError:
        return {}, {"match_condition": MatchConditions.IfMissing}
    condition = {"etag": download.properties.etag, "match_condition": MatchConditions.IfNotModified}
    return {int(json.loads(line)["key"].rpartition("/")[2]): line.decode() for line in lines}, condition
