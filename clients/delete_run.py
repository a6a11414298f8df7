"""DELETE /api/runs/{run_id}: the instance, the ledger and the spool of a run go together."""

import azure.durable_functions as df
import azure.functions as func
from azure.core.exceptions import ResourceNotFoundError

from clients.answer import answer, no_such_run, refusal, unavailable
from clients.instance import RUNNING, purge_instance, runtime_status
from clients.run_id import is_run_id
from ingestion.errors import InvalidInput, PermanentError, RetryableError
from ingestion.run import open_runs
from ingestion.run.clean_up import purge
from ingestion.run.ledger import Ledger
from ingestion.run.lock import locked
from ingestion.settings import load_settings
from ingestion.storage import open_storage, storage_errors

blueprint = df.Blueprint()


@blueprint.route(route="runs/{run_id}", methods=["DELETE"])
@blueprint.durable_client_input(client_name="client")
async def delete_run(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Forget a run that has ended: 200 with what was deleted; 404 if there is none, 409 while it goes on."""
    run_id = req.route_params["run_id"]
    if not is_run_id(run_id):
        return no_such_run(run_id)
    try:
        container = open_storage(load_settings()).container
        ledger = Ledger(container, run_id)
        with storage_errors(f"delete run {run_id}"):
            try:
                async with locked(ledger) as lease:
                    instances, blobs = await _delete(client, ledger, lease)
            except ResourceNotFoundError:  # no ledger, or what an earlier deletion left of it
                instances, blobs = await _delete(client, ledger, None)
    except InvalidInput as error:
        return refusal(error, 409)
    except (PermanentError, RetryableError) as error:
        return unavailable(error)
    if not instances and not blobs:
        return no_such_run(run_id)
    return answer({"run_id": run_id, "instances_deleted": instances, "blobs_deleted": blobs})


async def _delete(client: df.DurableOrchestrationClient, ledger: Ledger, lease: str | None) -> tuple[int, int]:
    """The history goes before the ledger: without that nobody could tell that it has one. The request goes last.

    The run leaves the index of open runs before all else, so that a crash in the middle leaves nothing to recover.
    """
    status = await runtime_status(client, ledger.run_id)
    if status in RUNNING:
        raise InvalidInput(
            "run_id", f"the run still goes on ({status})", "to cancel it, and delete it once it has ended"
        )
    if lease is not None:
        await open_runs.forget(ledger.container, ledger.run_id)
    instances = 0 if status is None else await purge_instance(client, ledger.run_id)
    return instances, await purge(ledger, lease)
