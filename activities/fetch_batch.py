"""Fetch the next batch into the spool and return it with the next cursor (step 3 in docs/design.md)."""

import logging
import os
from dataclasses import asdict
from typing import Any

import azure.durable_functions as df

from activities.activity import activity
from activities.log import log
from ingestion import clock
from ingestion.contracts import Batch, FetchOutcome, FetchRequest
from ingestion.deadline import seconds_to_begin
from ingestion.errors import HeldBack, InvalidInput
from ingestion.fetching.fetch import fetch
from ingestion.fetching.span import range_of
from ingestion.open_storage import Storage
from ingestion.run import timeline
from ingestion.run.command import read_held
from ingestion.run.pinned import pinned_now
from ingestion.run.request import read_reads
from ingestion.settings import Settings
from ingestion.source.client import SourceClient
from ingestion.source.description import Source, load_source
from ingestion.source_wait import OUTAGE
from ingestion.storage.spool import Spool
from ingestion.wire import JsonObject

blueprint = df.Blueprint()


def _log_error(request: FetchRequest, error: str) -> None:
    log("fetch_failed", "the source could not be fetched", level=logging.WARNING, reason=error, **_facts(request))


@blueprint.activity_trigger(input_name="request")
@activity(FetchRequest, FetchOutcome, doing="write batch {0.batch_index} of run {0.run.id}", log_error=_log_error)
async def fetch_batch(request: FetchRequest, storage: Storage, settings: Settings) -> FetchOutcome:
    """Fetch the next batch, unless a command or a change holds the run back before the first page arrives."""
    reads = await read_reads(storage.container, request.run) if request.has_reads else None
    # Load the source before `pinned_now`: if the file changes in between, the change holds the run.
    try:
        source: Source | InvalidInput = load_source(settings.sources, request.source, os.environ, reads)
    except InvalidInput as error:
        source = error
    now = pinned_now(settings, request.source)
    held = await read_held(storage.container, now, request, request.run)
    if held.command is not None:
        return FetchOutcome(held=held.command, change=held.change)
    if isinstance(source, InvalidInput):
        raise source
    if request.batch_index == 0:
        await storage.prepare(now.settings)
    if source.incremental is not None:
        reads, source = range_of(
            reads, source, lambda given: load_source(settings.sources, request.source, os.environ, given)
        )
    client = SourceClient(source, storage.http, patience_seconds=settings.source_patience_seconds)
    try:
        async with storage.at_work.hold(request.run) as hold:
            batch = await fetch(
                request,
                source,
                client,
                Spool(storage.container, request.run),
                reads=reads,
                described=lambda window: load_source(settings.sources, request.source, os.environ, reads, window),
                budget_seconds=settings.fetch_seconds,
                last_page_seconds=seconds_to_begin(),
                chunk_bytes=settings.chunk_bytes,
                hold=hold,
            )
    except HeldBack as command:
        return FetchOutcome(held=command.command)
    _log(request, batch)
    await timeline.append(storage.container, request.run, *_lines(batch, client))
    return FetchOutcome(batch=batch, share=storage.at_work.share(request.run))


def _lines(batch: Batch, client: SourceClient) -> list[JsonObject]:
    """Return the timeline lines of a batch; they count only the pages and requests of this fetch."""
    facts = {"pages": batch.pages, "refused": client.patience.refused, "page_size": client.largest_page}
    lines: list[JsonObject] = [{"at": clock.now().isoformat(), "event": timeline.BATCH, "batch": batch.index, **facts}]
    if (wait := batch.wait) is not None and wait.seconds:
        lines.append(timeline.event("waiting", f"the run waits {wait.seconds:,.0f} s for the source: {wait.reason}"))
    if batch.next_cursor is None:
        lines.append(timeline.event("source_ended", batch.ended or "the source has ended"))
    return lines


def _log(request: FetchRequest, batch: Batch) -> None:
    log(
        "batch_fetched",
        "a batch is in the spool",
        messages=batch.count,
        chunks=batch.chunks,
        pages=batch.pages,
        bytes=batch.size_bytes,
        wait_seconds=batch.wait_seconds,
        dropped=batch.dropped,
        known=batch.known,
        outside=batch.outside,
        clamped_to=batch.clamped_to,
        last=batch.next_cursor is None,
        ended=batch.ended,
        **_facts(request),
    )
    if (wait := batch.wait) is not None and wait.seconds:
        log(
            "source_waited_for",
            "the run waits before its next request to the source",
            level=logging.WARNING if wait.waiting_for == OUTAGE else logging.INFO,
            **asdict(wait),
            **_facts(request),
        )


def _facts(request: FetchRequest) -> dict[str, Any]:
    return {"run_id": request.run.id, "source": request.source, "batch": request.batch_index}
