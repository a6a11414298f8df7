"""The input of POST /api/runs: the body, and the header `Idempotency-Key`."""

import uuid
from typing import Annotated, Any

import azure.functions as func
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from clients.run_id import ALLOWED, PATTERN, is_run_id
from ingestion.contracts import RunRequest
from ingestion.errors import SHOWN_CHARACTERS, Conflict, InvalidInput, shown
from ingestion.reads import Reads
from ingestion.run.tolerance import DEFAULT, read_tolerance
from ingestion.settings import MAX_CHUNK_SIZE, Settings
from ingestion.validation import invalid_input, not_allowed
from ingestion.wire import JsonObject

KEY_SPACE = uuid.UUID("6f1d1b2e-6f0c-4a57-9f4b-0d5b7c2a9e11")  # makes a run id from a key that cannot be one
KEY_LENGTH = 255
MAX_PARAMETERS = 20
A_SHARE: JsonObject = {
    "type": ["string", "null"],
    "description": "The share of the messages that may fail, such as 1%; at most 50%.",
}


def _check_run_id(run_id: str) -> str:
    if not is_run_id(run_id):
        raise not_allowed("not a run id", ALLOWED)
    return run_id


def _check_tolerance(given: Any) -> str | None:
    try:
        return None if given is None else read_tolerance(given)
    except InvalidInput as error:
        raise not_allowed(error.problem, error.allowed) from None


class StartRequest(BaseModel):
    """The body of POST /api/runs."""

    model_config = ConfigDict(extra="forbid", strict=True)

    source: Annotated[str, Field(max_length=SHOWN_CHARACTERS)]
    run_id: Annotated[str, AfterValidator(_check_run_id), Field(json_schema_extra={"pattern": PATTERN})] | None = None
    chunk_size: Annotated[int | None, Field(ge=1, le=MAX_CHUNK_SIZE)] = None
    tolerated_failures: Annotated[Any, AfterValidator(_check_tolerance), Field(json_schema_extra=A_SHARE)] = None
    total_is_exact: bool = False
    since: Annotated[str | int | float | None, Field(alias="from")] = None  # `from` or `to` makes the run a backfill
    until: Annotated[str | int | float | None, Field(alias="to")] = None
    parameters: Annotated[dict[str, str], Field(max_length=MAX_PARAMETERS)] = {}


FIELDS = tuple(field.alias or name for name, field in StartRequest.model_fields.items())


def read_start(req: func.HttpRequest) -> tuple[str, StartRequest]:
    """Return the run id and the body of a request. Raise InvalidInput."""
    try:
        body = req.get_json()
    except (ValueError, RecursionError):
        allowed = 'a JSON object such as {"source": "demo"}'
        raise InvalidInput("(body)", "not JSON, or nested too deeply", allowed) from None
    if not isinstance(body, dict):
        raise InvalidInput("(body)", "not a JSON object", 'a JSON object such as {"source": "demo"}')
    # Escape half of a surrogate pair, so that an error can name the field.
    named = {name.encode(errors="backslashreplace").decode(): value for name, value in body.items()}
    try:
        asked = StartRequest.model_validate(named)
    except ValidationError as error:
        raise invalid_input(error, fields=FIELDS) from None
    return _run_id_of(asked, req.headers.get("Idempotency-Key")), asked


def _run_id_of(asked: StartRequest, key: str | None) -> str:
    """Return the run id from the idempotency key or the body, or a new one. Raise InvalidInput if the two differ."""
    if key is None:
        return asked.run_id or uuid.uuid4().hex
    run_id = _named_by(key)
    if asked.run_id not in (None, run_id):
        problem = f"it names another run than run_id {asked.run_id!r}"
        raise InvalidInput("Idempotency-Key", problem, "the same value as run_id, or no such header")
    return run_id


def _named_by(key: str) -> str:
    """Return the run id for an idempotency key: the key itself if it can be a run id."""
    if not 1 <= len(key) <= KEY_LENGTH:
        raise InvalidInput("Idempotency-Key", "too long, or empty", f"1 to {KEY_LENGTH} characters")
    try:
        return key if is_run_id(key) else uuid.uuid5(KEY_SPACE, key).hex
    except UnicodeEncodeError:
        raise InvalidInput("Idempotency-Key", "not UTF-8", f"1 to {KEY_LENGTH} characters in UTF-8") from None


def run_request(asked: StartRequest, settings: Settings, pin: str, reads: Reads | None) -> RunRequest:
    """Return the run request; the settings fill in what the body leaves out."""
    return RunRequest(
        source=asked.source,
        chunk_size=asked.chunk_size or settings.chunk_size,
        chunks_per_batch=settings.chunks_per_batch,
        tolerated_failures=asked.tolerated_failures or DEFAULT,
        total_is_exact=asked.total_is_exact,
        pin=pin,
        has_reads=reads is not None,
        backfill=reads is not None and reads.backfill,
    )


def body_of(asked: StartRequest) -> JsonObject:
    """Return the checked body without the run id; equal requests have equal bodies."""
    body = asked.model_dump(exclude={"run_id"}, exclude_none=True, by_alias=True)
    return {name: value for name, value in body.items() if value != {}}


def difference(before: JsonObject, now: JsonObject) -> Conflict | None:
    """Return how a request differs from the one that started the run; None if it does not."""
    for name in FIELDS:
        if before.get(name) != now.get(name):
            was = shown(before[name]) if name in before else "no value"
            problem = f"{shown(now.get(name))} is not what this run_id was started with"
            return Conflict(name, problem, f"{was}, as at the start; or another run_id")
    return None
