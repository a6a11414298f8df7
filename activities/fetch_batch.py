"""Step 3 on the way of an id: a cursor enters, a batch in the spool and the next cursor leave."""

import logging
import os
from typing import Any

import azure.durable_functions as df

from activities.log import log
from ingestion.contracts import FetchOutcome, FetchRequest
from ingestion.errors import InvalidInput, PermanentError
from ingestion.fetching.fetch import fetch
from ingestion.fetching.spool import Spool
from ingestion.run.control import read_wish
from ingestion.settings import load_settings
from ingestion.source.client import SourceClient
from ingestion.source.description import load_source
from ingestion.source_wait import OUTAGE
from ingestion.storage import open_storage, storage_errors
from ingestion.wire import from_wire, to_wire

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
async def fetch_batch(request: dict) -> dict:
    """Fetch the next batch: a `FetchRequest` in, a `FetchOutcome` out.

    What cannot be mended by trying again is an outcome with the reason; all else is raised and retried.
    """
    wanted = from_wire(FetchRequest, request)
    facts: dict[str, Any] = {"run_id": wanted.run_id, "source": wanted.source, "batch": wanted.batch_index}
    try:
        settings = load_settings()
        source = load_source(settings.sources, wanted.source, os.environ)
        storage = open_storage(settings)
        if wanted.batch_index == 0:
            await storage.prepare()
        wish = await read_wish(storage.container, wanted.run_id, wanted.run_started_at)
        if wish is not None:
            return to_wire(FetchOutcome(held=wish))
        spool = Spool(storage.container, wanted.run_id, wanted.run_started_at)
        with storage_errors(f"write batch {wanted.batch_index} of run {wanted.run_id}"):
            client = SourceClient(source, storage.http, patience_seconds=settings.source_patience_seconds)
            batch = await fetch(wanted, source, client, spool, settings.fetch_seconds)
    except (InvalidInput, PermanentError) as error:
        log("fetch_failed", "the source could not be fetched", level=logging.WARNING, reason=str(error), **facts)
        return to_wire(FetchOutcome(error=str(error)))
    log(
        "batch_fetched",
        "a batch is in the spool",
        messages=batch.count,
        pages=batch.pages,
        bytes=batch.size_bytes,
        wait_seconds=batch.wait_seconds,
        dropped=batch.dropped,
        clamped_to=batch.clamped_to,
        last=batch.next_cursor is None,
        ended=batch.ended,
        **facts,
    )
    if (wait := batch.wait) is not None and wait.seconds:
        log(
            "source_waited_for",
            "the source is left alone before it is asked again",
            level=logging.WARNING if wait.waiting_for == OUTAGE else logging.INFO,
            **to_wire(wait),
            **facts,
        )
    return to_wire(FetchOutcome(batch=batch))
