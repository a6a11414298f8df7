"""POST /api/runs/{run_id}/redrive: what failed or never happened is done again, from the ledger alone."""

import azure.durable_functions as df
import azure.functions as func

from clients.answer import no_such_run, refusal, unavailable
from clients.beginning import begin_again, last_state
from clients.instance import RUNNING, runtime_status
from clients.run_id import is_run_id
from ingestion.errors import InvalidInput, PermanentError, RetryableError, UnknownSchema
from ingestion.run import run_state
from ingestion.run.control import clear
from ingestion.run.ledger import Ledger
from ingestion.run.lock import locked
from ingestion.settings import load_settings
from ingestion.storage import open_storage, storage_errors

blueprint = df.Blueprint()


@blueprint.route(route="runs/{run_id}/redrive", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def redrive_run(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Let a run that has ended, or was lost, go on under its own id: 202 with the durable check-status payload.

    404 if the ledger has no such run; 409 with the reason if it still goes on or there is nothing to do again.
    """
    run_id = req.route_params["run_id"]
    if not is_run_id(run_id):
        return no_such_run(run_id)
    try:
        ledger = Ledger(open_storage(load_settings()).container, run_id)
        with storage_errors(f"redrive run {run_id} from its ledger"):
            if await ledger.request() is None:
                return no_such_run(run_id)
            async with locked(ledger):
                await _redrive(client, ledger)
    except UnknownSchema as error:
        return refusal(InvalidInput("run_id", str(error), "a run that this version of the app can read"), 409)
    except InvalidInput as error:
        return refusal(error, 409)
    except (PermanentError, RetryableError) as error:
        return unavailable(error)
    response: func.HttpResponse = client.create_check_status_response(req, run_id)
    return response


async def _redrive(client: df.DurableOrchestrationClient, ledger: Ledger) -> None:
    status = await runtime_status(client, ledger.run_id)
    if status in RUNNING:
        raise InvalidInput("run_id", f"the run still goes on ({status})", "to redrive it once it has ended")
    request = await ledger.request()
    assert request is not None, "the lock is a lease on it"
    before = await last_state(ledger, request)
    state = run_state.redriven(before)
    if state is None:
        raise InvalidInput("run_id", "all that was fetched is enqueued or rejected", "a run with something left to do")
    # A crash after the first of these leaves an ended run that can be redriven again.
    await clear(ledger)
    await begin_again(client, ledger, state, after=before)
