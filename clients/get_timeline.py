"""GET /api/runs/{run_id}/timeline: how the run went, window by window, and what happened to it."""

import azure.durable_functions as df
import azure.functions as func

from clients.answer import about_run, answer, no_such_run
from clients.whole import TIMELINES
from ingestion.open_storage import open_storage
from ingestion.run.request import read_request, run_of
from ingestion.run.timeline import told
from ingestion.settings import load_settings

blueprint = df.Blueprint()


@blueprint.route(route="runs/{run_id}/timeline", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
@about_run("read the timeline of run {}")
async def get_timeline(req: func.HttpRequest, client: df.DurableOrchestrationClient, run_id: str) -> func.HttpResponse:
    """Return the counts of the run over time, thinned, and its newest events; 404 if there is no such run."""
    container = open_storage(load_settings()).container
    if (request := await read_request(container, run_id)) is None:
        raise no_such_run(run_id)
    return answer(told(await TIMELINES.read(container, run_of(request), request["started_at"])))
