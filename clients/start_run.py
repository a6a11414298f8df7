"""Step 1 on the way of an id: POST /api/runs starts a run and answers with the URLs to follow it."""

import os

import azure.durable_functions as df
import azure.functions as func

from clients.answer import answer, answer_to
from clients.instance import RUNNING
from clients.start_request import read_start
from clients.starting import start_once
from ingestion.concealed import errors_concealed
from ingestion.deadline import HTTP_SECONDS, in_time
from ingestion.errors import InvalidInput, PermanentError, RetryableError
from ingestion.open_storage import open_storage
from ingestion.settings import load_settings
from ingestion.source.description import load_source
from ingestion.storage.failures import storage_errors

blueprint = df.Blueprint()

RETRY_AFTER_SECONDS = "5"


@blueprint.route(route="runs", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def start_run(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start a run, only once for repeated requests; answer with the durable check-status payload.

    202 until it has ended, then 200; 400, 404, 409 with the field and what is allowed; 503 without storage.
    """
    try:
        run_id, asked = read_start(req)
        settings = load_settings()
        load_source(settings.sources, asked.source, os.environ)
        doing = f"write the ledger of run {run_id}"
        async with in_time(doing, HTTP_SECONDS):
            with errors_concealed(), storage_errors(doing):
                status = await start_once(client, run_id, asked, settings, open_storage(settings))
    except (InvalidInput, PermanentError, RetryableError) as error:
        return answer_to(error)
    response: func.HttpResponse = client.create_check_status_response(req, run_id)
    response.headers["Retry-After"] = RETRY_AFTER_SECONDS
    if status in RUNNING:
        return response
    return answer(client.get_client_response_links(req, run_id))
