"""Sub-orchestrations with retry: each device of a fleet is updated by an orchestration of its own.

    OFFLINE=van-2=1,van-3=9 python -m local.devhost --app local/examples/fleet_update
    curl -X POST http://127.0.0.1:7071/api/updates -d '{"version": "1.4", "devices": ["van-1", "van-2", "van-3"]}'

The report lists which devices have the version and why the others have not; `OFFLINE` says how often which of them does
not answer.
"""

import os
from collections import Counter
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)

RETRY = df.RetryOptions(first_retry_interval_in_milliseconds=600_000, max_number_of_attempts=3)
asked: Counter[str] = Counter()  # how often each device was asked to install


class DeviceOffline(Exception):
    """The device does not answer; it may later."""


@app.route(route="updates", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start_update(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start the update of a fleet and answer with the URLs to follow it."""
    instance_id = await client.start_new("update_fleet", client_input=req.get_json())
    response: func.HttpResponse = client.create_check_status_response(req, instance_id)
    return response


@app.orchestration_trigger(context_name="context")
def update_fleet(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict[str, Any]]:
    """Update all devices side by side, each up to three times, ten minutes apart.

    1. Start one sub-orchestration for each device.
    2. Wait for all of them. `task_all` raises at the first that fails for good, while the others go on.
    3. So yield each again: that waits for it, and gives its own result or error.
    """
    order = context.get_input()
    updates = {
        device: context.call_sub_orchestrator_with_retry(
            "update_device", RETRY, {"device": device, "version": order["version"]}
        )
        for device in order["devices"]
    }
    try:
        yield context.task_all(list(updates.values()))
    except Exception:
        context.set_custom_status("some device has failed for good; waiting for the others")
    report: dict[str, Any] = {"updated": [], "failed": {}}
    for device, update in updates.items():
        try:
            report["updated"].append((yield update))
        except Exception as error:
            report["failed"][device] = str(error).splitlines()[0].strip()
    return report


@app.orchestration_trigger(context_name="context")
def update_device(context: df.DurableOrchestrationContext) -> Generator[Any, Any, str]:
    """Update one device step by step; a failure fails all of it, and it is tried again from the beginning."""
    order = context.get_input()
    yield context.call_activity("download", order)
    yield context.call_activity("install", order)
    return str(order["device"])


@app.activity_trigger(input_name="order")
def download(order: dict) -> None:
    """Bring the new version onto the device; here that always works."""


@app.activity_trigger(input_name="order")
def install(order: dict) -> None:
    """Switch the device to the new version, unless it is one that OFFLINE names."""
    device = order["device"]
    asked[device] += 1
    silent = dict(entry.split("=") for entry in os.environ.get("OFFLINE", "").split(",") if entry)
    if asked[device] <= int(silent.get(device, 0)):
        raise DeviceOffline(f"{device} does not answer")
