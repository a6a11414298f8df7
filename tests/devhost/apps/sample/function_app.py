"""A small app with one function of each kind that devhost serves; it could be deployed."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
blueprint = df.Blueprint()


@app.route(route="orchestrators/{name}/{instance?}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    body = req.get_json() if req.get_body() else None
    name, instance = req.route_params["name"], req.route_params.get("instance")
    instance_id = await client.start_new(name, instance, body)
    response: func.HttpResponse = client.create_check_status_response(req, instance_id)
    return response


@app.route(route="echo")
def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    logging.info("echoed", extra={"action": "echoed", "size": len(req.get_body())})
    return func.HttpResponse(req.get_body())


@app.route(route="binary", auth_level=func.AuthLevel.FUNCTION)
async def binary(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.get_body()[::-1], mimetype="application/octet-stream")


@app.route(route="broken")
def broken(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("on purpose")


@app.route(route="json_text")
def json_text(req: func.HttpRequest) -> str:
    return '{"body": {"a": 1}, "statusCode": 418}'


@app.route(route="cookie")
def cookie(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("c", headers={"Set-Cookie": "a=b"})


@app.route(route="called_off")
async def called_off(req: func.HttpRequest) -> str:
    """Wait for a task that somebody has cancelled."""
    task = asyncio.ensure_future(asyncio.sleep(60))
    task.cancel()
    await task
    return "never"


@app.queue_trigger(arg_name="message", queue_name="jobs", connection="AzureWebJobsStorage")
def from_queue(message: func.QueueMessage) -> None:
    raise AssertionError("never called")


@app.orchestration_trigger(context_name="context")
def fan_out(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    count = (context.get_input() or {}).get("count", 3)
    context.set_custom_status({"stage": "fan out"})
    doubled = yield context.task_all([context.call_activity("double", number) for number in range(count)])
    context.set_custom_status({"stage": "done"})
    return sum(doubled)


@app.orchestration_trigger(context_name="context")
def approval(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    deadline = context.current_utc_datetime + timedelta(hours=2)
    timeout = context.create_timer(deadline)
    decision = context.wait_for_external_event("decision")
    winner = yield context.task_any([decision, timeout])
    if winner is timeout:
        return "late"
    timeout.cancel()
    return decision.result


@app.orchestration_trigger(context_name="context")
def slow_chain(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    lines: list[int] = []
    for step in range(4):
        lines.append((yield context.call_activity("note_step", {"file": context.get_input()["file"], "step": step})))
    return lines


@app.orchestration_trigger(context_name="context")
def endless(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    yield context.call_activity("hold_on", context.get_input())


@app.orchestration_trigger(context_name="context")
def greet(context: df.DurableOrchestrationContext) -> str:
    return f"hello from version {context.version}"


@blueprint.activity_trigger(input_name="number")
async def double(number: int) -> int:
    return number * 2


@blueprint.activity_trigger(input_name="order")
async def hold_on(order: dict) -> None:
    """Write into a file that it has begun, and never end, even if cancelled."""
    await asyncio.to_thread(Path(order["file"]).touch)
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.to_thread(threading.Event().wait)


@blueprint.activity_trigger(input_name="order")
def note_step(order: dict) -> int:
    """Record the step before doing it and wait for permission, so that a test can act in between."""
    path = Path(order["file"])
    with path.open("a") as file:
        file.write(f"{order['step']}\n")
    gate = path.with_suffix(f".{order['step']}")
    while gate.exists():
        time.sleep(0.02)
    return int(order["step"])


app.register_functions(blueprint)
