"""Step 7 on the way of an id: GET /api/runs/{run_id} tells how far a run is, in a form made for people."""

import json
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from clients.answer import answer, refusal
from ingestion import run_state
from ingestion.contracts import Receipt, from_wire
from ingestion.errors import InvalidInput

blueprint = df.Blueprint()

STATUS = {
    "Pending": "pending",
    "Running": "running",
    "ContinuedAsNew": "running",
    "Suspended": "suspended",
    "Failed": "failed",
    "Terminated": "terminated",
    "Canceled": "terminated",
}


@blueprint.route(route="runs/{run_id}", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
async def get_run(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """The run's status, progress and report; 404 if there is no such run. Needs no system key."""
    run_id = req.route_params["run_id"]
    status = await client.get_status(run_id, show_history=True, show_history_output=True, show_input=True)
    if not status:
        return refusal(InvalidInput("run_id", f"there is no run {run_id!r}", "the id that starting a run gave"), 404)
    return answer(readable(status))


def readable(status: DurableOrchestrationStatus) -> dict[str, Any]:
    """The run as `{"run_id", "source", "status", "started_at", "updated_at", "progress", "report", "error"}`."""
    runtime_status = status.runtime_status.name
    state = status.input_ if isinstance(status.input_, dict) else json.loads(status.input_ or "{}")
    report = status.output if runtime_status == "Completed" and isinstance(status.output, dict) else None
    error = str(status.output) if runtime_status in ("Failed", "Terminated", "Canceled") else None
    progress = status.custom_status
    if report is None and error is None and isinstance(progress, dict):
        progress = run_state.with_finished_chunks(progress, _finished_chunks(status))
    return {
        "run_id": status.instance_id,
        "source": state.get("request", {}).get("source"),
        "status": report["outcome"] if report else STATUS.get(runtime_status, runtime_status.lower()),
        "started_at": state.get("started_at"),
        "updated_at": status.last_updated_time.isoformat() if status.last_updated_time else None,
        "progress": progress,
        "report": report,
        "error": error,
    }


def _finished_chunks(status: DurableOrchestrationStatus) -> list[Receipt]:
    """Receipts of the window under way: the orchestrator counts a window as a whole, its history knows each chunk."""
    events = getattr(status, "historyEvents", None) or []  # the SDK leaves `history` empty: the wire has another name
    return [
        from_wire(Receipt, event["Result"])
        for event in events
        if event.get("EventType") == "TaskCompleted"
        and event.get("FunctionName") == "enqueue_chunk"
        and isinstance(event.get("Result"), dict)
    ]
