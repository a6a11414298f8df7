"""A small app with one of everything that devhost serves, written as it would be deployed."""

import asyncio
import contextlib
import json
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


@app.route(route="status/{instance}", methods=["GET"])
@app.durable_client_input(client_name="client")
async def status(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    found = await client.get_status(req.route_params["instance"], show_input=True)
    if not found:
        return func.HttpResponse(status_code=404)
    return func.HttpResponse(json.dumps(found.to_json(), default=str), mimetype="application/json")


@app.route(route="echo/{number:int?}")
def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    logging.info("echoed", extra={"action": "echoed", "size": len(req.get_body())})
    seen = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route_params": dict(req.route_params),
        "body": req.get_body().decode("latin-1"),
        "form": dict(req.form),
        "function": context.function_name,
    }
    return func.HttpResponse(json.dumps(seen), status_code=201, mimetype="application/json")


@app.route(route="echo/special")
def special(req: func.HttpRequest) -> str:
    return "special"


@app.route(route="binary", auth_level=func.AuthLevel.FUNCTION)
async def binary(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.get_body()[::-1], mimetype="application/octet-stream")


@app.route(route="broken")
def broken(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("on purpose")


@app.route(route="wrong")
def wrong(req: func.HttpRequest) -> str:
    return {"a": 1}  # type: ignore[return-value]  # what the app gets wrong


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
def retried(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    options = df.RetryOptions(first_retry_interval_in_milliseconds=10, max_number_of_attempts=3)
    return (yield context.call_activity_with_retry("fail_until", options, context.get_input()))


@app.orchestration_trigger(context_name="context")
def fragile(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    return (yield context.call_activity("fail_until", context.get_input()))


@app.orchestration_trigger(context_name="context")
def held(context: df.DurableOrchestrationContext) -> str:
    """Stay in the first episode, so that the instance is pending, while a file is there."""
    while Path(context.get_input()["gate"]).exists():
        time.sleep(0.01)
    return "let go"


@app.orchestration_trigger(context_name="context")
def endless(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    yield context.call_activity("hold_on", context.get_input())


@app.orchestration_trigger(context_name="context")
def greet(context: df.DurableOrchestrationContext) -> str:
    return f"hello from version {context.version}"


@blueprint.activity_trigger(input_name="number")
async def double(number: int) -> int:
    return number * 2


@blueprint.activity_trigger(input_name="begun")
async def hold_on(begun: str) -> None:
    """Tell in a file that it has begun, and never end, cancelled or not, nor let its thread end."""
    await asyncio.to_thread(Path(begun).touch)
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.to_thread(threading.Event().wait)


@blueprint.activity_trigger(input_name="order")
def note_step(order: dict) -> int:
    """Write the step down before it is done and wait for leave, so that a test can cut in between."""
    path = Path(order["file"])
    with path.open("a") as file:
        file.write(f"{order['step']}\n")
    gate = path.with_suffix(f".{order['step']}")
    while gate.exists():
        time.sleep(0.02)
    return int(order["step"])


@blueprint.activity_trigger(input_name="order")
def fail_until(order: dict) -> int:
    path = Path(order["file"])
    with path.open("a") as file:
        file.write("x")
    attempt = len(path.read_text())
    if attempt < order["attempts"]:
        raise RuntimeError(f"attempt {attempt} fails")
    return attempt


app.register_functions(blueprint)
