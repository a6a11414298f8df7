"""Step 7 on the way of an id: GET /api/runs/{run_id} tells how far a run is, in a form made for people."""

from typing import Any

import azure.durable_functions as df
import azure.functions as func
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from clients.answer import answer, no_such_run, unavailable
from clients.instance import carried_state, find_instance
from clients.progress import progress_of
from clients.run_id import is_run_id
from ingestion.errors import InvalidInput, PermanentError, RetryableError, UnknownSchema
from ingestion.run import run_state
from ingestion.run.ledger import Ledger
from ingestion.run.run_report import status_of
from ingestion.settings import load_settings
from ingestion.storage import open_storage, storage_errors
from ingestion.wire import JsonObject

blueprint = df.Blueprint()


@blueprint.route(route="runs/{run_id}", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
async def get_run(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """The run's status, progress and report; 404 if there is no such run. Needs no system key.

    A run whose instance is gone is told from its ledger.
    """
    run_id = req.route_params["run_id"]
    if not is_run_id(run_id):
        return no_such_run(run_id)
    try:
        if (status := await find_instance(client, run_id)) is not None:
            state = carried_state(status)
            return answer(await _with_report(await _with_progress(readable(status), state), state))
        told = await _from_ledger(run_id)
    except (InvalidInput, PermanentError, RetryableError) as error:
        return unavailable(error)
    return no_such_run(run_id) if told is None else answer(told)


def readable(status: DurableOrchestrationStatus) -> dict[str, Any]:
    """The run as `{"run_id", "source", "status", "started_at", "updated_at", "progress", "report", "error"}`."""
    runtime_status = status.runtime_status.name
    state = carried_state(status)
    report = status.output if runtime_status == "Completed" and isinstance(status.output, dict) else None
    error = str(status.output) if runtime_status in ("Failed", "Terminated", "Canceled") else None
    progress = status.custom_status
    return {
        "run_id": status.instance_id,
        "source": state.get("request", {}).get("source"),
        "status": status_of(runtime_status, progress, report),
        "started_at": state.get("started_at"),
        "updated_at": status.last_updated_time.isoformat() if status.last_updated_time else None,
        "progress": progress,
        "report": report,
        "error": error,
    }


async def _with_progress(run: dict[str, Any], state: JsonObject) -> dict[str, Any]:
    """The run with its newest progress; one of a newer version of the app has that of its instance."""
    try:
        at_start = run_state.load(state)
    except UnknownSchema:
        return run
    return {**run, "progress": await progress_of(run["run_id"], at_start, run["status"], run["progress"])}


async def _with_report(run: dict[str, Any], state: JsonObject) -> dict[str, Any]:
    """The run with its ledger's report if its instance has failed or was terminated: that has a message for one.

    The report says how the run has ended: a crash, or a person, may end the instance after the ledger was closed. A
    run that fails by its own decision closes its ledger first; one that has not is lost, and can go on.
    """
    if run["status"] not in ("failed", "terminated"):
        return run
    try:
        report = await _ledger(run["run_id"]).report(state["started_at"])
    except Exception:  # the ledger is the second-best thing to have of a failed run, not a reason to hide the first
        return run
    if report is None:
        return {**run, "status": "lost" if run["status"] == "failed" else run["status"]}
    has_cause = report["outcome"] in ("failed", "terminated")
    return {**run, "status": report["outcome"], "report": report, "error": run["error"] if has_cause else None}


async def _from_ledger(run_id: str) -> JsonObject | None:
    ledger = _ledger(run_id)
    with storage_errors(f"read the ledger of run {run_id}"):
        request = await ledger.request()
        if request is None:
            return None
        state, report = await ledger.state(request["started_at"]), await ledger.report(request["started_at"])
    status = report["outcome"] if report else "lost"
    return {
        "run_id": run_id,
        "source": request["request"]["source"],
        "status": status,
        "started_at": request["started_at"],
        "updated_at": report["finished_at"] if report else None,
        "progress": await progress_of(run_id, state, status, None) if state else None,
        "report": report,
        "error": report.get("error") if report else None,
    }


def _ledger(run_id: str) -> Ledger:
    return Ledger(open_storage(load_settings()).container, run_id)
