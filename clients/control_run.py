"""POST /api/runs/{run_id}/pause, resume and cancel: what somebody wishes of a run that goes on."""

import azure.durable_functions as df
import azure.functions as func

from clients.answer import answer, no_such_run, refusal, unavailable
from clients.instance import RUNNING, runtime_status, wake
from clients.run_id import is_run_id
from ingestion.errors import DurableUnavailable, InvalidInput, PermanentError, RetryableError
from ingestion.run.control import GO, express
from ingestion.run.ledger import Ledger
from ingestion.run.run_state import CANCEL, PAUSE
from ingestion.settings import load_settings
from ingestion.storage import open_storage, storage_errors

blueprint = df.Blueprint()

WISHES = {"pause": PAUSE, "resume": GO, "cancel": CANCEL}


# One literal route for each: the host maps routes in the order of the functions' names, so a parameter in this place
# would take the routes of functions whose names come later.
@blueprint.route(route="runs/{run_id}/pause", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def pause_run(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Pause a run: 202, and it comes about as soon as the chunks under way are done."""
    return await _control(req, client, "pause")


@blueprint.route(route="runs/{run_id}/resume", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def resume_run(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Let a paused run go on: 202."""
    return await _control(req, client, "resume")


@blueprint.route(route="runs/{run_id}/cancel", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def cancel_run(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Cancel a run: 202, and it ends as soon as the chunks under way are done."""
    return await _control(req, client, "cancel")


async def _control(req: func.HttpRequest, client: df.DurableOrchestrationClient, wish: str) -> func.HttpResponse:
    """Answer 404 if there is no such run, 409 if it has ended, was lost or cannot do this any more."""
    run_id = req.route_params["run_id"]
    if not is_run_id(run_id):
        return no_such_run(run_id)
    ended = InvalidInput(
        "run_id",
        "the run has ended, or is lost until the keeper lets it go on",
        f"to ask again once it goes on; POST /api/runs/{run_id}/redrive to let it; DELETE to end a lost run",
    )
    try:
        ledger = Ledger(open_storage(load_settings()).container, run_id)
        with storage_errors(f"write the wish for run {run_id}"):
            if (request := await ledger.request()) is None:
                return no_such_run(run_id)
            # After the request was read: a wish for a run that is deleted meanwhile must not name the one after it.
            if await runtime_status(client, run_id) not in RUNNING:
                raise ended
            await express(ledger, request["started_at"], WISHES[wish])
        try:
            await wake(client, run_id, wish)
        except DurableUnavailable:
            if await runtime_status(client, run_id) in RUNNING:
                raise  # the wish stands, but a run that waits was not woken: to be asked for again
            raise ended from None
    except InvalidInput as error:
        return refusal(error, 409)
    except (PermanentError, RetryableError) as error:
        return unavailable(error)
    return answer({"run_id": run_id, "wish": wish}, 202)
