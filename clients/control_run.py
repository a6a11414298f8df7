"""POST /api/runs/{run_id}/pause, resume and cancel: commands to a run that has not ended."""

import azure.durable_functions as df
import azure.functions as func
from azure.storage.blob.aio import ContainerClient

from clients.answer import about_run, answer, known_request
from clients.instance import RUNNING, find_instance, runtime_status, wake
from ingestion.contracts import Run
from ingestion.errors import Conflict, DurableUnavailable
from ingestion.open_storage import open_storage
from ingestion.run import run_index, timeline
from ingestion.run.command import GO, acceptance, give
from ingestion.run.ledger import Ledger
from ingestion.run.pinned import pinned_now
from ingestion.run.request import run_of
from ingestion.run.run_report import IN_LIST
from ingestion.run.run_state import CANCEL, PAUSE
from ingestion.settings import load_settings

blueprint = df.Blueprint()

COMMANDS = {PAUSE: "pause", GO: "resume", CANCEL: "cancel"}  # the names in the HTTP API


# One literal route for each command: the host maps routes in the order of the functions' names, so a route parameter
# here would hide the routes of functions whose names come later.
@blueprint.route(route="runs/{run_id}/pause", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
@about_run("pause run {}")
async def pause_run(req: func.HttpRequest, client: df.DurableOrchestrationClient, run_id: str) -> func.HttpResponse:
    """Pause a run: work under way stops within seconds. Answer 202."""
    return await _control(client, run_id, PAUSE)


@blueprint.route(route="runs/{run_id}/resume", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
@about_run("resume run {}")
async def resume_run(req: func.HttpRequest, client: df.DurableOrchestrationClient, run_id: str) -> func.HttpResponse:
    """Resume a paused run; or accept the change that holds a run, and resume the run. Answer 202."""
    return await _control(client, run_id, GO)


@blueprint.route(route="runs/{run_id}/cancel", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
@about_run("cancel run {}")
async def cancel_run(req: func.HttpRequest, client: df.DurableOrchestrationClient, run_id: str) -> func.HttpResponse:
    """Cancel a run: work under way stops within seconds. Answer 202."""
    return await _control(client, run_id, CANCEL)


async def _control(client: df.DurableOrchestrationClient, run_id: str, command: str) -> func.HttpResponse:
    """Give a command. Raise NotFound if there is no such run, Conflict if it has ended or is being cancelled."""
    settings = load_settings()
    storage = open_storage(settings)
    container = storage.container
    request = await known_request(container, run_id)
    status = await find_instance(client, run_id)
    if status is None or status.runtime_status.name not in RUNNING:
        raise await _takes_no_command(container, run_of(request))
    accepted = None
    if command == GO:
        now = pinned_now(settings, request["request"]["source"])
        accepted = acceptance(request, status.custom_status, now)
    if accepted is not None:
        await storage.prepare(now.settings)  # create the queues that the run sends to from now on
    await give(Ledger(container, run_of(request)), command, accepted)
    given = timeline.event(COMMANDS[command], f"a person has given the command {COMMANDS[command]}")
    storage.at_work.set_command(run_of(request), command)
    try:
        await wake(client, run_id, command)
    except DurableUnavailable:
        if await runtime_status(client, run_id) in RUNNING:
            raise  # the command is written, but a waiting run was not woken: the caller must try again
        raise await _takes_no_command(container, run_of(request)) from None
    in_list = IN_LIST.get(command, "running")
    await run_index.note_status(container, run_id, request["started_at"], in_list)
    await timeline.append(container, run_of(request), given)
    return answer({"run_id": run_id, "command": command}, 202)


async def _takes_no_command(container: ContainerClient, run: Run) -> Conflict:
    """Return the error for a run without a running instance."""
    if (report := await Ledger(container, run).report()) is not None:
        allowed = f"one of the `actions` that GET /api/runs/{run.id} lists"
        return Conflict("run_id", f"the run has ended: {report['outcome']}", allowed)
    route = f"/api/runs/{run.id}"
    allowed = f"to try again after the recovery; or POST {route}/redrive to continue the run, or DELETE {route}"
    return Conflict("run_id", "the run is lost, and the keeper has not recovered it yet", allowed)
