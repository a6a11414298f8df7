"""Step 5 on the way of an id: a chunk by reference enters, its messages go to the queue, a receipt leaves."""

import logging
from typing import Any

import azure.durable_functions as df

from activities.log import log
from ingestion.contracts import EnqueueRequest, Receipt
from ingestion.errors import InvalidInput, PermanentError
from ingestion.run.control import hold
from ingestion.run.window import no_receipt
from ingestion.sending.enqueue import enqueue
from ingestion.settings import load_settings
from ingestion.storage import open_storage
from ingestion.wire import from_wire, to_wire

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def enqueue_chunk(request: dict) -> dict:
    """Enqueue one chunk: an `EnqueueRequest` in, a `Receipt` out.

    What cannot be mended by trying again is a receipt with the reason; all else is raised and retried.
    """
    chunk = from_wire(EnqueueRequest, request)
    try:
        settings = load_settings()
        storage = open_storage(settings)
        if (held := await hold(storage.container, chunk)) is not None:
            return to_wire(held)
        receipt = await enqueue(chunk, storage, settings)
    except (InvalidInput, PermanentError) as error:
        receipt = no_receipt(chunk, str(error))
    _tell(chunk, receipt)
    return to_wire(receipt)


def _tell(chunk: EnqueueRequest, receipt: Receipt) -> None:
    facts: dict[str, Any] = {"run_id": chunk.run_id, "batch": chunk.batch_index, "chunk": chunk.chunk_index}
    if receipt.error:
        facts |= {"failed": receipt.failed, "reason": receipt.error}
        log("chunk_failed", "messages of a chunk failed", level=logging.WARNING, **facts)
    elif receipt.held:
        left = receipt.count - receipt.enqueued - receipt.rejected
        log("chunk_unfinished", "a chunk goes on in the next window", messages=receipt.enqueued, left=left, **facts)
    else:
        log(
            "chunk_enqueued",
            "a chunk is on the queue",
            messages=receipt.enqueued,
            rejected=receipt.rejected,
            resumed_from=receipt.resumed_from,
            possible_duplicates=receipt.possible_duplicates,
            retries=receipt.retries,
            retried_because=receipt.retried_because,
            throttled_seconds=receipt.throttled_seconds,
            seconds=receipt.seconds,
            **facts,
        )
