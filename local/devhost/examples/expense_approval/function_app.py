"""Human interaction: an expense waits for a decision, at most three days; it ends as approved, rejected or expired.

    python -m local.devhost --app local/devhost/examples/expense_approval
    curl -X POST http://127.0.0.1:7071/api/expenses -d '{"amount": 120, "by": "kim"}'
    curl -X POST http://127.0.0.1:7071/api/expenses/ID/decision -d '{"approved": true}'

`ID` is the `id` in the first answer; the `statusQueryGetUri` in it shows the outcome.
"""

import json
import logging
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)

PATIENCE = timedelta(days=3)
OPEN = (df.OrchestrationRuntimeStatus.Pending, df.OrchestrationRuntimeStatus.Running)


@app.route(route="expenses", methods=["POST"])
@app.durable_client_input(client_name="client")
async def submit(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start the approval of an expense and answer with the URLs to follow it."""
    instance_id = await client.start_new("approve_expense", client_input=req.get_json())
    response: func.HttpResponse = client.create_check_status_response(req, instance_id)
    return response


@app.route(route="expenses/{id}/decision", methods=["POST"])
@app.durable_client_input(client_name="client")
async def decide(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Send the decision as an event to the instance that waits for it."""
    instance_id = req.route_params["id"]
    status = await client.get_status(instance_id)
    if not status:
        return func.HttpResponse("no such expense", status_code=404)
    if status.runtime_status not in OPEN:
        return func.HttpResponse("the decision comes too late", status_code=409)
    await client.raise_event(instance_id, "decision", req.get_json())
    return func.HttpResponse(status_code=202)


@app.orchestration_trigger(context_name="context")
def approve_expense(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict[str, Any]]:
    """Ask for a decision and act on it.

    1. Ask the approver.
    2. Wait for the decision or the deadline, whichever is first.
    3. If the decision was first, cancel the timer: an open timer would keep the instance running.
    4. Send the answer to the submitter.
    """
    expense = context.get_input()
    yield context.call_activity("ask_approver", {"id": context.instance_id, **expense})
    context.set_custom_status("waiting for a decision")
    deadline = context.create_timer(context.current_utc_datetime + PATIENCE)
    decision = context.wait_for_external_event("decision")
    first = yield context.task_any([decision, deadline])
    if first is deadline:
        outcome = "expired"
    else:
        deadline.cancel()
        # The client encodes event data as JSON twice, and the SDK decodes it once.
        outcome = "approved" if json.loads(decision.result)["approved"] else "rejected"
    yield context.call_activity("tell_submitter", {"outcome": outcome, **expense})
    return {"outcome": outcome, **expense}


@app.activity_trigger(input_name="question")
def ask_approver(question: dict) -> None:
    """Send the question; this example only logs it."""
    logging.info("approval asked for", extra={"expense": question["id"], "amount": question["amount"]})


@app.activity_trigger(input_name="answer")
def tell_submitter(answer: dict) -> None:
    """Send the answer; this example only logs it."""
    logging.info("answer sent to the submitter", extra={"outcome": answer["outcome"]})
