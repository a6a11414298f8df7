"""DELETE /api/runs/{run_id}: delete the instance, the ledger and the spool of a run."""

import azure.durable_functions as df
import azure.functions as func
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import ContainerClient

from clients.answer import about_run, answer, no_such_run
from clients.instance import RUNNING, purge_instance, runtime_status
from ingestion.errors import Conflict
from ingestion.open_storage import open_storage
from ingestion.run import open_runs
from ingestion.run.clean_up import purge, purge_remains
from ingestion.run.lock import locked
from ingestion.settings import load_settings

blueprint = df.Blueprint()


@blueprint.route(route="runs/{run_id}", methods=["DELETE"])
@blueprint.durable_client_input(client_name="client")
@about_run("delete run {}")
async def delete_run(req: func.HttpRequest, client: df.DurableOrchestrationClient, run_id: str) -> func.HttpResponse:
    """Delete a run that has ended: 200 with what was deleted; 404 if there is no such run, 409 if it has not ended."""
    container = open_storage(load_settings()).container
    try:
        async with locked(container, run_id) as lease:
            instances, blobs = await _delete(client, container, run_id, lease)
    except ResourceNotFoundError:  # there is no request: no such run, or an earlier deletion stopped half-way
        instances, blobs = await _delete(client, container, run_id, None)
    if not instances and not blobs:
        raise no_such_run(run_id)
    return answer({"run_id": run_id, "instances_deleted": instances, "blobs_deleted": blobs})


async def _delete(
    client: df.DurableOrchestrationClient, container: ContainerClient, run_id: str, lease: str | None
) -> tuple[int, int]:
    """Delete the entry in the index of open runs, then the history, the ledger, and the request last.

    After a crash half-way, the keeper finds nothing to recover, and a second DELETE still finds the run.
    """
    status = await runtime_status(client, run_id)
    if status in RUNNING:
        raise Conflict("run_id", f"the run has not ended ({status})", "to cancel it, and delete it once it has ended")
    if lease is not None:
        await open_runs.forget(container, run_id)
    instances = 0 if status is None else await purge_instance(client, run_id)
    blobs = await (purge_remains(container, run_id) if lease is None else purge(container, run_id, lease))
    return instances, blobs
