"""GET /api/runs/{run_id} shows how far a run is (step 7 in docs/design.md)."""

from typing import Any

import azure.durable_functions as df
import azure.functions as func
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus
from azure.storage.blob.aio import ContainerClient

from clients.answer import about_run, answer, known_request
from clients.instance import RUNNING, carried_state, failure_of, find_instance, is_of
from clients.kept_answer import kept_briefly
from clients.progress import look_at_checkpoints, progress_of
from clients.run_details import with_details
from ingestion.contracts import Run, RunState, Settled
from ingestion.errors import UnknownSchema
from ingestion.open_storage import open_storage
from ingestion.run import run_state
from ingestion.run.command import read_command
from ingestion.run.ledger import Ledger
from ingestion.run.request import read_request, run_of
from ingestion.run.run_report import GIVEN, after_command, status_of
from ingestion.settings import load_settings
from ingestion.wire import JsonObject

blueprint = df.Blueprint()


class CountsReader:
    """Reads the checkpoints of the chunks under way, and keeps their counts for the rest of the answer."""

    def __init__(self) -> None:
        self.counts: list[Settled] = []

    async def __call__(self, state: RunState) -> list[Settled]:
        """Read and return the counts. Errors of storage pass through."""
        self.counts = await look_at_checkpoints(state)
        return self.counts


@blueprint.route(route="runs/{run_id}", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
@about_run("read the ledger of run {}")
@kept_briefly
async def get_run(req: func.HttpRequest, client: df.DurableOrchestrationClient, run_id: str) -> func.HttpResponse:
    """Return all that is known of a run; 404 if there is no such run.

    The caller needs the function key, not the system key. If the run has no instance, the answer comes from the ledger.
    """
    return answer(await read_run(client, run_id))


async def read_run(client: df.DurableOrchestrationClient, run_id: str) -> JsonObject:
    """Return all that is known of a run. Raise NotFound if there is no such run."""
    status = await find_instance(client, run_id)
    container = open_storage(load_settings()).container
    if status is None or await _is_of_earlier_start(container, status):
        return await _from_ledger(container, run_id)
    carried, run, reader = carried_state(status), readable(status), CountsReader()
    if (state := _loaded(carried)) is not None:
        run["progress"] = await progress_of(state, run["status"], run["progress"], look=reader)
    run = await _with_report(container, await _with_command(container, run, carried), carried)
    return await with_details(container, run, state, reader.counts)


def _loaded(state: JsonObject) -> RunState | None:
    """Return the state of a run; None if another version of the app wrote it."""
    try:
        return run_state.load(state)
    except UnknownSchema:
        return None


async def _is_of_earlier_start(container: ContainerClient, status: DurableOrchestrationStatus) -> bool:
    """Return whether the instance has ended and belongs to an earlier start, whose ledger is gone."""
    if status.runtime_status.name in RUNNING:
        return False
    try:
        request = await read_request(container, status.instance_id)
    except Exception:  # without the ledger, show what the instance says
        return False
    return request is not None and not is_of(status, run_of(request))


def readable(status: DurableOrchestrationStatus) -> dict[str, Any]:
    """Return the run as `{"run_id", "source", "status", "started_at", "updated_at", "progress", "report", "error"}`."""
    runtime_status = status.runtime_status.name
    state = carried_state(status)
    report = status.output if runtime_status == "Completed" and isinstance(status.output, dict) else None
    error = failure_of(status) if runtime_status in ("Failed", "Terminated", "Canceled") else None
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


async def _with_command(container: ContainerClient, run: dict[str, Any], state: JsonObject) -> dict[str, Any]:
    """Return the run; its status is `pausing` or `cancelling` if the run has not yet obeyed the last command.

    Work under way ends within seconds; if chunks of other runs occupy the workers, it ends after them.
    """
    status = run["status"]
    if all(after_command(status, command) == status for command in GIVEN):
        return run
    try:
        return {**run, "status": after_command(status, await read_command(container, Run(*state["run"])))}
    except Exception:  # without the ledger, show what the instance says
        return run


async def _with_report(container: ContainerClient, run: dict[str, Any], state: JsonObject) -> dict[str, Any]:
    """Return the run with the report from its ledger if its instance failed or was terminated.

    Such an instance has only an error text. The report's outcome counts, because a crash or a person may end the
    instance after the ledger was closed. A run that itself decides to fail closes its ledger first, so a failed
    instance without a report is a lost run.
    """
    if run["status"] not in ("failed", "terminated"):
        return run
    try:
        report = await Ledger(container, Run(*state["run"])).report()
    except Exception:  # an unreadable ledger must not hide the failed instance
        return run
    if report is None:
        return {**run, "status": "lost" if run["status"] == "failed" else run["status"]}
    has_cause = report["outcome"] in ("failed", "terminated")
    return {**run, "status": report["outcome"], "report": report, "error": run["error"] if has_cause else None}


async def _from_ledger(container: ContainerClient, run_id: str) -> JsonObject:
    request = await known_request(container, run_id)
    ledger = Ledger(container, run_of(request))
    state, report = await ledger.state(), await ledger.report()
    status = report["outcome"] if report else "lost"
    run = {
        "run_id": run_id,
        "source": request["request"]["source"],
        "status": status,
        "started_at": request["started_at"],
        "updated_at": report["finished_at"] if report else None,
        "progress": await progress_of(state, status, None) if state else None,
        "report": report,
        "error": report.get("error") if report else None,
    }
    return await with_details(container, run, state)
