"""Sending a chunk: its byte range is read from the spool and put on the queue, one message each.

Enters: an enqueue request. Leaves: a receipt, also when the chunk failed; what is permanent is an outcome, not an
exception, so that it neither hides the other chunks nor is tried again in vain.
"""

import json
from time import monotonic
from typing import Any

from ingestion.contracts import EnqueueRequest, Receipt
from ingestion.queue_sender import QueueSender
from ingestion.settings import Settings
from ingestion.spool import read_messages
from ingestion.storage import Storage, storage_errors


async def enqueue(request: EnqueueRequest, storage: Storage, settings: Settings) -> Receipt:
    """Put the messages of one chunk on the queue and account for each of them.

    Raises StorageRefused and StorageUnavailable if the chunk cannot be read; what the queue refuses is in the receipt.
    """
    began = monotonic()
    with storage_errors(f"read chunk {request.chunk_index} of {request.blob}"):
        messages = await read_messages(storage.container, request.blob, request.start_byte, request.end_byte)
    sender = QueueSender(
        storage.session,
        storage.messages_url(),
        encoding=settings.message_encoding,
        ttl_seconds=settings.message_ttl_seconds,
        concurrency=settings.send_concurrency,
    )
    sent = await sender.send([text_of(message) for message in messages], began + settings.enqueue_seconds)
    return Receipt(
        batch_index=request.batch_index,
        chunk_index=request.chunk_index,
        count=request.count,
        enqueued=sent.enqueued,
        retries=sent.retries,
        throttled_seconds=round(sent.throttled_seconds, 3),
        seconds=round(monotonic() - began, 3),
        error=sent.error,
    )


def text_of(message: Any) -> str:
    """The message's text: an id as it is, a record as compact JSON."""
    return message if isinstance(message, str) else json.dumps(message, separators=(",", ":"), ensure_ascii=False)
