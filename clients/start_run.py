"""Step 1 on the way of an id: POST /api/runs starts a run and answers with the URLs to follow it."""

import os
import re
import uuid
from datetime import UTC, datetime
from typing import Annotated

import azure.durable_functions as df
import azure.functions as func
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from clients.answer import refusal
from ingestion import run_state
from ingestion.contracts import RunRequest, to_wire
from ingestion.errors import InvalidInput
from ingestion.settings import MAX_CHUNK_SIZE, Settings, load_settings
from ingestion.source.auth import secrets_of
from ingestion.source.description import load_source
from ingestion.validation import invalid_input, not_allowed

blueprint = df.Blueprint()

RETRY_AFTER_SECONDS = "5"


def _check_run_id(run_id: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", run_id):  # it becomes an instance id and a blob name
        allowed = "letters, digits, - and _, first a letter or a digit, 64 characters at most"
        raise not_allowed("other characters, none, or too many", allowed)
    return run_id


class StartRequest(BaseModel):
    """The body of POST /api/runs."""

    model_config = ConfigDict(extra="forbid", strict=True)

    source: str
    run_id: Annotated[str, AfterValidator(_check_run_id)] | None = None
    chunk_size: Annotated[int | None, Field(ge=1, le=MAX_CHUNK_SIZE)] = None


@blueprint.route(route="runs", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def start_run(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start a run; 202 with the durable check-status payload, or 400, 404, 409 with the field and what is allowed."""
    try:
        body = _body(req)
        settings = load_settings()
    except InvalidInput as error:
        return refusal(error)
    try:
        secrets_of(load_source(settings.sources, body.source, os.environ).auth, os.environ)
    except InvalidInput as error:
        return refusal(error, 404 if error.field == "source" else 400)

    run_id = body.run_id or uuid.uuid4().hex
    if await client.get_status(run_id):
        taken = InvalidInput("run_id", f"there is a run {run_id!r} already", "a run_id that is new, or none")
        return refusal(taken, 409)
    state = run_state.start(_request(body, settings), datetime.now(UTC).isoformat())
    await client.start_new("ingest_run", instance_id=run_id, client_input=to_wire(state))
    response: func.HttpResponse = client.create_check_status_response(req, run_id)
    response.headers["Retry-After"] = RETRY_AFTER_SECONDS
    return response


def _body(req: func.HttpRequest) -> StartRequest:
    try:
        body = req.get_json()
    except ValueError:
        raise InvalidInput("(body)", "not JSON", 'a JSON object such as {"source": "demo"}') from None
    if not isinstance(body, dict):
        raise InvalidInput("(body)", "not a JSON object", 'a JSON object such as {"source": "demo"}')
    try:
        return StartRequest.model_validate(body)
    except ValidationError as error:
        raise invalid_input(error, fields=StartRequest.model_fields) from None


def _request(body: StartRequest, settings: Settings) -> RunRequest:
    return RunRequest(
        source=body.source,
        chunk_size=body.chunk_size or settings.chunk_size,
        chunks_per_batch=settings.chunks_per_batch,
    )
