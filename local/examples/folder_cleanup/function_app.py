"""An eternal orchestration: once a day old files are removed, until somebody says stop.

    CLEANUP_FOLDER=/tmp/old python -m local.devhost --app local/examples/folder_cleanup
    curl -X POST http://127.0.0.1:7071/api/cleanup
    curl -X DELETE http://127.0.0.1:7071/api/cleanup

The custom status, and at the end the output, has the totals.
"""

import os
from collections.abc import Generator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)

ONLY_ID = "cleanup"  # one instance at most: its id is the lock
PERIOD = timedelta(days=1)
OPEN = (df.OrchestrationRuntimeStatus.Pending, df.OrchestrationRuntimeStatus.Running)


@app.route(route="cleanup", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start the clean-up unless it goes on already."""
    status = await client.get_status(ONLY_ID)
    if status and status.runtime_status in OPEN:
        return func.HttpResponse("it goes on already", status_code=409)
    await client.start_new("clean_up", ONLY_ID, {"rounds": 0, "removed": 0})
    response: func.HttpResponse = client.create_check_status_response(req, ONLY_ID)
    return response


@app.route(route="cleanup", methods=["DELETE"])
@app.durable_client_input(client_name="client")
async def stop(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Ask the clean-up to end after what it is doing."""
    await client.raise_event(ONLY_ID, "stop", True)
    return func.HttpResponse(status_code=202)


@app.orchestration_trigger(context_name="context")
def clean_up(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict[str, int] | None]:
    """Do one round, wait a day, begin anew with the totals.

    Each round is a generation of its own: `continue_as_new` drops the history, which would grow for ever otherwise.
    """
    totals: dict[str, int] = context.get_input()
    now = context.current_utc_datetime
    totals["removed"] += yield context.call_activity("remove_old_files", now.isoformat())
    totals["rounds"] += 1
    context.set_custom_status(totals)
    next_round = context.create_timer(now + PERIOD)
    stopped = context.wait_for_external_event("stop")
    first = yield context.task_any([stopped, next_round])
    if first is stopped:
        next_round.cancel()
        return totals
    context.continue_as_new(totals)
    return None


@app.activity_trigger(input_name="now")
def remove_old_files(now: str) -> int:
    """Remove what is older than MAX_AGE_DAYS (30) from CLEANUP_FOLDER; give the number of files."""
    oldest = datetime.fromisoformat(now) - timedelta(days=int(os.environ.get("MAX_AGE_DAYS", "30")))
    removed = 0
    for path in Path(os.environ["CLEANUP_FOLDER"]).iterdir():
        if path.is_file() and path.stat().st_mtime < oldest.timestamp():
            path.unlink()
            removed += 1
    return removed
