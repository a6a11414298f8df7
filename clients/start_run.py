"""Step 1 on the way of an id: POST /api/runs starts a run and answers with the URLs to follow it."""

import os
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from azure.core.exceptions import ResourceNotFoundError

from clients.answer import answer, refusal, unavailable
from clients.beginning import begin, first_state
from clients.instance import RUNNING, runtime_status, task_hub_of
from clients.start_request import StartRequest, asked_for, difference, read_start, run_request
from ingestion.errors import InvalidInput, PermanentError, RetryableError
from ingestion.run import open_runs
from ingestion.run.ledger import Ledger
from ingestion.run.lock import locked
from ingestion.settings import Settings, load_settings
from ingestion.source.auth import secrets_of
from ingestion.source.description import load_source
from ingestion.storage import Storage, open_storage, storage_errors
from ingestion.wire import JsonObject, to_wire

blueprint = df.Blueprint()

RETRY_AFTER_SECONDS = "5"


@blueprint.route(route="runs", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def start_run(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start a run, once however often it is asked for; answers with the durable check-status payload.

    202 while it goes on, 200 when it has ended; 400, 404, 409 with the field and what is allowed; 503 without storage.
    """
    try:
        run_id, asked = read_start(req)
        settings = load_settings()
        storage = open_storage(settings)
    except InvalidInput as error:
        return refusal(error)
    try:
        secrets_of(load_source(settings.sources, asked.source, os.environ).auth, os.environ)
    except InvalidInput as error:
        return refusal(error, 404 if error.field == "source" else 400)
    try:
        with storage_errors(f"write the ledger of run {run_id}"):
            status = await _start_once(client, Ledger(storage.container, run_id), asked, settings, storage)
    except InvalidInput as error:
        return refusal(error, 409)
    except (PermanentError, RetryableError) as error:
        return unavailable(error)
    response: func.HttpResponse = client.create_check_status_response(req, run_id)
    response.headers["Retry-After"] = RETRY_AFTER_SECONDS
    if status in RUNNING:
        return response
    return answer(client.get_client_response_links(req, run_id))


async def _start_once(
    client: df.DurableOrchestrationClient, ledger: Ledger, asked: StartRequest, settings: Settings, storage: Storage
) -> str:
    """Start the run unless it was started; returns its durable status. Raises InvalidInput for another request."""
    there = await _created(ledger, asked, settings, storage, task_hub_of(client))
    if (different := difference(there["asked"], asked_for(asked))) is not None:
        raise different
    if (status := await runtime_status(client, ledger.run_id)) is not None:
        return status
    async with locked(ledger):
        if (status := await runtime_status(client, ledger.run_id)) is not None:
            return status
        if await ledger.report(there["started_at"]) is not None:
            return "Completed"  # and its history was purged
        if await ledger.state(there["started_at"]) is not None:
            problem, allowed = "the instance of this run is gone", f"POST /api/runs/{ledger.run_id}/redrive to go on"
            raise InvalidInput("run_id", problem, allowed)
        await begin(client, ledger, first_state(there))
        return "Pending"


async def _created(
    ledger: Ledger, asked: StartRequest, settings: Settings, storage: Storage, task_hub: str
) -> JsonObject:
    """The request of the run as its ledger has it: this one, if it is the first.

    The run is in the index of open runs before its request is there, so that a crash in between loses no request.
    """
    if (there := await ledger.request()) is not None:
        return there
    now = datetime.now(UTC)
    request: dict[str, Any] = {
        "run_id": ledger.run_id,
        "started_at": now.isoformat(),
        "asked": asked_for(asked),
        "request": to_wire(run_request(asked, settings)),
    }
    try:
        await open_runs.enter(ledger.container, ledger.run_id, task_hub, now)
    except ResourceNotFoundError:  # the first run of all
        await storage.prepare()
        await open_runs.enter(ledger.container, ledger.run_id, task_hub, now)
    return await ledger.create_request(request)
