"""The rejects of a chunk: messages that no queue can take, kept with the reason instead of being cut or lost.

Each chunk has one NDJSON blob, the same after each rerun. People can correct the messages and send them again.
"""

import json
from collections.abc import Mapping, Sequence

from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import EnqueueRequest
from ingestion.sending.message_format import message_key


async def write_rejects(
    container: ContainerClient, request: EnqueueRequest, lines: Sequence[bytes], reasons: Mapping[int, str]
) -> None:
    """Write `{"key", "reason", "message"}` for each message of `reasons`, by index in the chunk, if any."""
    if not reasons:
        return
    rejects = [
        f'{json.dumps({"key": message_key(request, index), "reason": reasons[index]})[:-1]}, "message": '
        f"{lines[index].decode().strip()}}}"  # as it came, digit for digit
        for index in sorted(reasons)
    ]
    await container.get_blob_client(rejects_name(request)).upload_blob("\n".join([*rejects, ""]), overwrite=True)


def rejects_name(request: EnqueueRequest) -> str:
    """Return the name of the blob that holds the rejects of a chunk."""
    return f"{request.run.folder}rejected/{request.chunk.number:08}.ndjson"
