"""A conditional write that never succeeds ends with the reason, and does not loop without a pause."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from azure.core.exceptions import AzureError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobProperties

from ingestion.contracts import Chunk, Run
from ingestion.errors import StorageUnavailable
from ingestion.storage import turns
from ingestion.storage.checkpoint import Checkpoint, CheckpointFile
from ingestion.storage.json_blob import change_json
from ingestion.wire import to_wire


class Refusing:
    """A fake container with one blob, which can be read and refuses every write."""

    blob_name = "state.json"
    properties = BlobProperties(etag="one")

    def __init__(self, refusal: type[AzureError]) -> None:
        self.refusal, self.writes = refusal, 0

    def get_blob_client(self, name: str) -> "Refusing":
        return self

    async def download_blob(self) -> "Refusing":
        return self

    async def readall(self) -> bytes:
        return json.dumps(to_wire(Checkpoint(owner="another", count=3))).encode()

    async def upload_blob(self, *_: Any, **condition: Any) -> None:
        self.writes += 1
        raise ResourceExistsError if "etag" not in condition else self.refusal


def changes(blob: Any) -> Awaitable[Any]:
    return change_json(blob, lambda found: {})


def claims(container: Any) -> Awaitable[Any]:
    return CheckpointFile(container, Run("run", "start"), Chunk(0, "aa")).claim(3, unknown=1)


@pytest.mark.parametrize(
    ("loop", "refusal"),
    [
        (changes, ResourceExistsError),
        (changes, ResourceModifiedError),
        (changes, ResourceNotFoundError),
        (claims, ResourceModifiedError),
    ],
)
async def test_a_write_that_is_refused_for_ever_is_tried_with_pauses_and_ends_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, loop: Callable[[Any], Awaitable[Any]], refusal: type[AzureError]
) -> None:
    pauses = list[float]()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("asyncio.sleep", pause)
    blob = Refusing(refusal)
    with pytest.raises(StorageUnavailable, match=r"could not (change state\.json|claim chunk 0 of run run): 20 times"):
        await loop(blob)
    assert (len(pauses), min(blob.writes, turns.MOST)) == (turns.MOST - 1, turns.MOST)
    assert all(0 <= seconds <= turns.LONGEST_SECONDS for seconds in pauses)
