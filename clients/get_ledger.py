"""GET /api/runs/{run_id}/report, failures, rejected and timeline: the contents of a run's ledger."""

import azure.durable_functions as df
import azure.functions as func
from azure.storage.blob.aio import ContainerClient

from clients.answer import about_run, answer, known_request
from clients.query import is_count, not_a_token, read_count, read_flag, read_token, token_of
from clients.run_details import TIMELINES
from ingestion.errors import NotFound
from ingestion.open_storage import open_storage
from ingestion.run import findings
from ingestion.run.ledger import Ledger
from ingestion.run.request import first_state, run_of
from ingestion.run.timeline import as_json
from ingestion.settings import load_settings
from ingestion.wire import JsonObject

blueprint = df.Blueprint()

MOST_GROUPS, MOST_EXAMPLES = 100, 20


@blueprint.route(route="runs/{run_id}/report", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
@about_run("read the report of run {}")
async def get_report(req: func.HttpRequest, client: df.DurableOrchestrationClient, run_id: str) -> func.HttpResponse:
    """Return the report of a run; 404 if there is no such run, or no report yet."""
    container, request = await _request(run_id)
    if (report := await Ledger(container, run_of(request)).report()) is None:
        raise NotFound("run_id", f"run {run_id} has no report yet", "a run that has ended")
    return answer(report)


@blueprint.route(route="runs/{run_id}/failures", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
@about_run("read the failures of run {}")
async def get_failures(req: func.HttpRequest, client: df.DurableOrchestrationClient, run_id: str) -> func.HttpResponse:
    """Return the failed chunks of a run by reason, as of the last state in its ledger."""
    first = read_token(req, "failures")
    if first and not is_count(first):
        raise not_a_token()
    container, request = await _request(run_id)
    ledger = Ledger(container, run_of(request))
    groups = await findings.failures(ledger, await ledger.state() or first_state(request))
    stop = int(first or 0) + MOST_GROUPS
    following = token_of("failures", str(stop)) if stop < len(groups) else None
    return answer({"groups": groups[int(first or 0) : stop], "next": following})


@blueprint.route(route="runs/{run_id}/rejected", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
@about_run("read the rejects of run {}")
async def get_rejected(req: func.HttpRequest, client: df.DurableOrchestrationClient, run_id: str) -> func.HttpResponse:
    """Return the rejects of a run by reason, with their payload only if the query has `payload=true`."""
    examples = read_count(req, "examples", default=findings.EXAMPLES, least=0, most=MOST_EXAMPLES)
    has_payload, after = read_flag(req, "payload"), read_token(req, "rejected")
    container, request = await _request(run_id)
    run = run_of(request)
    groups, last = await findings.rejected(container, run, after, examples=examples, has_payload=has_payload)
    return answer({"groups": groups, "next": None if last is None else token_of("rejected", last)})


@blueprint.route(route="runs/{run_id}/timeline", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
@about_run("read the timeline of run {}")
async def get_timeline(req: func.HttpRequest, client: df.DurableOrchestrationClient, run_id: str) -> func.HttpResponse:
    """Return the counts of a run over time, and the newest events of the run; 404 if there is no such run."""
    container, request = await _request(run_id)
    return answer(as_json(await TIMELINES.read(container, run_of(request), request["started_at"])))


async def _request(run_id: str) -> tuple[ContainerClient, JsonObject]:
    """Return the container, and the request of a run. Raise NotFound."""
    container = open_storage(load_settings()).container
    return container, await known_request(container, run_id)
