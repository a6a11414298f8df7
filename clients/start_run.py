"""POST /api/runs starts a run and answers with the URLs to follow it (step 1 in docs/design.md)."""

import os

import azure.durable_functions as df
import azure.functions as func

from clients.answer import answer_to, answered
from clients.instance import RUNNING
from clients.links import follow, has_links
from clients.start_request import StartRequest, read_start
from clients.starting import start_once
from ingestion.errors import InvalidInput
from ingestion.open_storage import open_storage
from ingestion.settings import load_settings
from ingestion.source.description import load_source

blueprint = df.Blueprint()


@blueprint.route(route="runs", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def start_run(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start a run; repeated requests start it once. Answer with the URLs to follow the run.

    The answer is 202 until the run has ended, then 200. A wrong request gets 400, 404 or 409 with the field and what is
    allowed; without storage the answer is 503.
    """
    try:
        has_links(req)
        run_id, asked = read_start(req)
    except InvalidInput as error:
        return answer_to(error)
    return await answered(req, f"write the ledger of run {run_id}", _started(req, client, run_id, asked))


async def _started(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, run_id: str, asked: StartRequest
) -> func.HttpResponse:
    settings = load_settings()
    load_source(settings.sources, asked.source, os.environ)
    status = await start_once(client, run_id, asked, settings, open_storage(settings))
    return follow(req, client, run_id, ended=status not in RUNNING)
