"""POST /api/runs/{run_id}/redrive: repeat what failed, and do what is left, from the ledger alone."""

import azure.durable_functions as df
import azure.functions as func

from clients.answer import about_run, known_request
from clients.beginning import begin_again
from clients.instance import RUNNING, runtime_status
from clients.links import follow, has_links
from ingestion.errors import Conflict
from ingestion.open_storage import open_storage
from ingestion.run import run_state
from ingestion.run.command import clear
from ingestion.run.ledger import Ledger
from ingestion.run.lock import locked
from ingestion.run.request import first_state, read_request, run_of
from ingestion.settings import load_settings

blueprint = df.Blueprint()


@blueprint.route(route="runs/{run_id}/redrive", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
@about_run("redrive run {} from its ledger")
async def redrive_run(req: func.HttpRequest, client: df.DurableOrchestrationClient, run_id: str) -> func.HttpResponse:
    """Continue a run that has ended or is lost, under the same id: 202 with the URLs to follow it.

    404 if the ledger has no such run; 409 with the reason if it has not ended or nothing is left to do.
    """
    has_links(req)
    container = open_storage(load_settings()).container
    await known_request(container, run_id)
    async with locked(container, run_id):
        status, request = await runtime_status(client, run_id), await read_request(container, run_id)
        assert request is not None, "the lock is a lease on the request"
        if status in RUNNING:
            raise Conflict("run_id", f"the run has not ended ({status})", "to redrive it once it has ended")
        ledger = Ledger(container, run_of(request))
        before = await ledger.state() or first_state(request)
        if (state := run_state.redriven(before)) is None:
            problem = "every fetched message is enqueued or rejected"
            raise Conflict("run_id", problem, "a run with something left to do")
        # After a crash between these two calls, the run has ended and can be redriven again.
        await clear(ledger)
        await begin_again(client, ledger, state, after=before)
    return follow(req, client, run_id)
