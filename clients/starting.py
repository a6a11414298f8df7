"""Start a run once, even if several requests and a schedule start it at the same time."""

import asyncio
import os
from contextlib import suppress
from datetime import datetime
from typing import Any

import azure.durable_functions as df
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import ContainerClient

from activities.log import log
from clients.beginning import begin
from clients.instance import started_instance, task_hub_of
from clients.start_request import StartRequest, body_of, difference, run_request
from ingestion import clock
from ingestion.errors import Conflict, RetryableError, RunLocked
from ingestion.open_storage import Storage
from ingestion.reads import Reads
from ingestion.run import open_runs, scope, watermark
from ingestion.run.ledger import Ledger
from ingestion.run.lock import POLL_SECONDS, locked
from ingestion.run.pinned import Fields, description_in, fingerprint, pinned_now
from ingestion.run.request import create_request, first_state, new_start, read_request, run_of
from ingestion.run.watermark import Watermark
from ingestion.settings import Settings
from ingestion.source.description import load_source
from ingestion.telemetry import trace_id
from ingestion.wire import JsonObject, to_wire


async def start_once(
    client: df.DurableOrchestrationClient, run_id: str, asked: StartRequest, settings: Settings, storage: Storage
) -> str:
    """Start the run unless it was started before; return its durable status. Raise Conflict if the requests differ."""
    there = await _created(run_id, asked, settings, storage, task_hub_of(client))
    if (different := difference(there["asked"], body_of(asked))) is not None:
        raise different
    while (status := await started_instance(client, run_of(there))) is None:
        with suppress(RunLocked):  # another copy of this request may hold the lock, and start the instance
            async with locked(storage.container, run_id, wait=False):
                status = await _start_locked(client, there, storage.container)
                storage.at_work.note(run_id)  # other runs share the worker with it even before its first activity
                return status
        await asyncio.sleep(POLL_SECONDS)
    return status


async def _start_locked(client: df.DurableOrchestrationClient, there: JsonObject, container: ContainerClient) -> str:
    """Start the run of the request `there`, unless another caller started it before this one got the lock."""
    run = run_of(there)
    if await read_request(container, run.id) != there:
        raise RetryableError(f"run {run.id} was deleted and started again at this moment: send the request again")
    if (status := await started_instance(client, run)) is not None:
        return status
    ledger = Ledger(container, run)
    if await ledger.report() is not None:
        return "Completed"  # the history was purged, and the report is left
    if await ledger.state() is not None:
        allowed = f"POST /api/runs/{run.id}/redrive to continue it"
        raise Conflict("run_id", "the instance of this run is gone", allowed)
    await begin(client, ledger, first_state(there))
    log("run_started", "a run has started", run_id=run.id, source=there["asked"]["source"], trace=trace_id(run))
    return "Pending"


async def _created(run_id: str, asked: StartRequest, settings: Settings, storage: Storage, task_hub: str) -> JsonObject:
    """Return the request that started the run; write this one if it is the first.

    Enter the run into the index of open runs first, so that the keeper knows of every request. Raise InvalidInput if
    the messages cannot be sent as the description or the settings say.
    """
    if (there := await read_request(storage.container, run_id)) is not None:
        return there
    now, pinned = clock.now(), pinned_now(settings, asked.source)
    storage.queues.shards(pinned.settings)  # raises, before anything is written, if the account of a queue is wrong
    reads = await reads_of_start(asked, settings, storage.container, now, pinned.fields)
    request: dict[str, Any] = {
        "run_id": run_id,
        "start": new_start(now),
        "started_at": now.isoformat(),
        "asked": body_of(asked),
        "request": to_wire(run_request(asked, settings, fingerprint(pinned.fields), reads)),
        "pinned": pinned.fields,
        **({} if reads is None else {"reads": to_wire(reads)}),
    }
    facts: dict[str, Any] = {"source": asked.source, "backfill": reads is not None and reads.backfill}
    try:
        await open_runs.enter(storage.container, run_id, task_hub, now, **facts)
    except ResourceNotFoundError:  # no container yet: this is the first run
        await storage.prepare(pinned.settings)
        await open_runs.enter(storage.container, run_id, task_hub, now, **facts)
    return await create_request(storage.container, request)


async def reads_of_start(
    asked: StartRequest, settings: Settings, container: ContainerClient, now: datetime, pinned: Fields
) -> Reads | None:
    """Return what a run that starts `now` reads of its source.

    Raise InvalidInput if the request does not fit the description, Conflict if the watermark is not its own.
    """
    source = load_source(settings.sources, asked.source, os.environ)
    parameters = scope.given_parameters(source, asked.parameters)
    mark = Watermark()
    if source.incremental is not None:
        mark = await watermark.read(container, watermark.slot(asked.source, parameters))
        if asked.since is None and asked.until is None:
            watermark.check(mark, description_in(pinned, asked.source), asked.source)
    return scope.reads_of_run(source, asked.since, asked.until, parameters, mark, now)
