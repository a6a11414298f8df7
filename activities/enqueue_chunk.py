"""Put the messages of one chunk on the queue and return a receipt (step 5 in docs/design.md)."""

import logging
from dataclasses import replace
from typing import Any

import azure.durable_functions as df

from activities.activity import activity
from activities.log import log
from ingestion.contracts import GIVES_WAY, EnqueueRequest, Receipt
from ingestion.open_storage import Storage
from ingestion.run.command import read_held
from ingestion.run.pinned import pinned_now
from ingestion.sending.enqueue import enqueue
from ingestion.settings import Settings

blueprint = df.Blueprint()


def _log_error(request: EnqueueRequest, error: str) -> None:
    _log(request, Receipt(error=error))


@blueprint.activity_trigger(input_name="request")
@activity(EnqueueRequest, Receipt, doing="enqueue chunk {0.chunk.number} of run {0.run.id}", log_error=_log_error)
async def enqueue_chunk(request: EnqueueRequest, storage: Storage, settings: Settings) -> Receipt:
    """Enqueue one chunk.

    Leave it for a later window if a command or a change holds it, or if another run has begun on this worker.
    """
    share = storage.at_work.share(request.run)
    if request.alone and share is not None:
        return Receipt(held=GIVES_WAY, share=share)
    now = pinned_now(settings, request.source)
    held = await read_held(storage.container, now, request, request.run)
    if held.command is not None:
        return Receipt(held=held.command, change=held.change, share=share)
    async with storage.at_work.hold(request.run) as hold:
        receipt = await enqueue(request, storage.container, storage.queues, now.settings, hold, storage.tally)
    _log(request, receipt)
    return replace(receipt, share=storage.at_work.share(request.run))


def _log(request: EnqueueRequest, receipt: Receipt) -> None:
    facts: dict[str, Any] = {"run_id": request.run.id, "source": request.source, "chunk": request.chunk.number}
    if receipt.error:
        facts |= {"failed": receipt.failed, "reason": receipt.error}
        log("chunk_failed", "messages of a chunk failed", level=logging.WARNING, **facts)
    elif receipt.held:
        left = receipt.messages - receipt.enqueued - receipt.rejected
        log("chunk_unfinished", "a chunk continues in the next window", messages=receipt.enqueued, left=left, **facts)
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
