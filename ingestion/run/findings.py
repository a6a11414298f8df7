"""The failures and rejects of a run for a person: grouped by reason, with counts and a few examples."""

from typing import Any

from azure.storage.blob.aio import ContainerClient

from ingestion.concealed import conceal
from ingestion.contracts import Run, RunState
from ingestion.run.failed import chunk_of, failed_chunks, left_in
from ingestion.run.ledger import Ledger
from ingestion.sending.reject import read_reject
from ingestion.wire import JsonObject

EXAMPLES = 3
MOST_BLOBS, MOST_BYTES = 50, 8 * 1024 * 1024  # of rejects, read for one answer
TEXT_CHARACTERS = 4_000  # of a payload
AGAIN = "failed in an earlier attempt, and waits to be sent again"


async def failures(ledger: Ledger, state: RunState) -> list[JsonObject]:
    """Return the failed chunks by reason, those with the most messages first."""
    groups: dict[str, JsonObject] = {}
    for entry in await failed_chunks(ledger, state):
        reason = conceal(entry.get("error", AGAIN))
        group = groups.setdefault(reason, {"reason": reason, "chunks": 0, "messages": 0, "examples": []})
        group["chunks"] += 1
        group["messages"] += left_in(entry)
        group["examples"] = [*group["examples"], chunk_of(entry).number][:EXAMPLES]
    return sorted(groups.values(), key=lambda group: (-group["messages"], group["reason"]))


async def rejected(
    container: ContainerClient, run: Run, after: str, *, examples: int, has_payload: bool
) -> tuple[list[JsonObject], str | None]:
    """Return the rejects in the blobs after the blob named `after`, by reason, and the name of the last blob read.

    The counts cover only the blobs that were read. The second value is None if there are no more blobs.
    """
    groups: dict[str, JsonObject] = {}
    last, blobs, size = after, 0, 0
    async for blob in container.list_blobs(name_starts_with=f"{run.folder}rejected/"):
        if blob.name <= after:
            continue
        if blobs == MOST_BLOBS or (blobs and size + blob.size > MOST_BYTES):
            return _sorted(groups), last
        download = await container.get_blob_client(blob.name).download_blob()
        for line in bytes(await download.readall()).splitlines():
            _count(groups, line, examples, has_payload)
        last, blobs, size = blob.name, blobs + 1, size + blob.size
    return _sorted(groups), None


def _count(groups: dict[str, JsonObject], line: bytes, examples: int, has_payload: bool) -> None:
    key, reason, message = read_reject(line)
    reason = conceal(reason)
    group = groups.setdefault(reason, {"reason": reason, "count": 0, "examples": []})
    group["count"] += 1
    if len(group["examples"]) < examples:
        chunk, index = key.split("/")[-2:]
        example: dict[str, Any] = {"chunk": int(chunk), "index": int(index), "key": key}
        group["examples"].append(example | ({"payload": message[:TEXT_CHARACTERS]} if has_payload else {}))


def _sorted(groups: dict[str, JsonObject]) -> list[JsonObject]:
    return sorted(groups.values(), key=lambda group: (-group["count"], group["reason"]))
