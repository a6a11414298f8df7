"""JSON answers. An error is problem details (RFC 9457): which field, what is wrong, what is allowed.

An answer to GET has an ETag. If the caller sends that ETag in `If-None-Match`, the answer is 304 without a body.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from azure.storage.blob.aio import ContainerClient

from activities.activity import named_after
from clients.kept_answer import ANSWERS
from clients.run_id import is_run_id
from ingestion.concealed import conceal, errors_concealed
from ingestion.deadline import HTTP_SECONDS, in_time
from ingestion.errors import (
    Conflict,
    DurableUnavailable,
    InvalidInput,
    NotFound,
    PermanentError,
    RetryableError,
    Unconditional,
    UnknownSchema,
    WasChanged,
    shown,
)
from ingestion.run.request import read_request
from ingestion.storage.failures import storage_errors
from ingestion.wire import JsonObject

Work = Callable[[func.HttpRequest, df.DurableOrchestrationClient], Awaitable[func.HttpResponse]]
RunWork = Callable[[func.HttpRequest, df.DurableOrchestrationClient, str], Awaitable[func.HttpResponse]]

JSON, PROBLEM = "application/json", "application/problem+json"


def answer(
    body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None, mimetype: str = JSON
) -> func.HttpResponse:
    """Return a JSON answer."""
    text = json.dumps(body, ensure_ascii=False)
    # A source may send half of a surrogate pair, which UTF-8 cannot encode. Write it as a JSON escape.
    content = text.encode(errors="backslashreplace")
    return func.HttpResponse(content, status_code=status, mimetype=mimetype, headers=headers)


def about_run(doing: str) -> Callable[[RunWork], Work]:
    """Return a decorator that checks the run id in the route of an HTTP function and turns errors into answers.

    `doing` names the work in error texts; `{}` in it is the run id.
    """

    def decorate(work: RunWork) -> Work:
        async def run(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
            run_id = req.route_params["run_id"]
            if not is_run_id(run_id):
                return answer_to(no_such_run(run_id))
            try:
                return await answered(req, doing.format(run_id), work(req, client, run_id))
            finally:
                if req.method != "GET":
                    ANSWERS.forget(run_id)

        return named_after(work, run)

    return decorate


async def answered(req: func.HttpRequest, doing: str, work: Awaitable[func.HttpResponse]) -> func.HttpResponse:
    """Return the answer of `work`, or problem details for its error; `doing` names the work in error texts."""
    try:
        async with in_time(doing, HTTP_SECONDS):
            with errors_concealed(), storage_errors(doing):
                return unless_known(req, await work)
    except (InvalidInput, PermanentError, RetryableError) as error:
        return answer_to(error)


def unless_known(req: func.HttpRequest, response: func.HttpResponse) -> func.HttpResponse:
    """Add an ETag to the answer to a GET, or return 304 if the caller has that answer. Do not change other answers."""
    if req.method != "GET" or response.status_code != HTTPStatus.OK:
        return response
    digest = hashlib.blake2b(response.get_body(), digest_size=12).hexdigest()
    headers = {"ETag": response.headers.get("ETag") or f'"{digest}"', "Cache-Control": "no-cache"}
    known = [one.strip().removeprefix("W/") for one in req.headers.get("If-None-Match", "").split(",")]
    if headers["ETag"] in known or "*" in known:
        return func.HttpResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    for name, value in headers.items():
        response.headers[name] = value
    return response


STATUS: dict[type[InvalidInput], int] = {NotFound: 404, Conflict: 409, WasChanged: 412, Unconditional: 428}


def no_such_run(run_id: str) -> NotFound:
    """Return the error for a run id that names no run."""
    return NotFound("run_id", f"there is no run {shown(run_id)}", "an id that POST /api/runs returned")


async def known_request(container: ContainerClient, run_id: str) -> JsonObject:
    """Return the request of a run. Raise NotFound if there is no such run."""
    if (request := await read_request(container, run_id)) is None:
        raise no_such_run(run_id)
    return request


def answer_to(error: InvalidInput | PermanentError | RetryableError) -> func.HttpResponse:
    """Return the problem details of an error, with `allowed` if the error has it."""
    if isinstance(error, UnknownSchema):
        error = Conflict("run_id", str(error), "a run that this version of the app can read")
    if isinstance(error, InvalidInput):
        return _error(STATUS.get(type(error), 400), error.field, error.problem, error.allowed)
    field = "(durable)" if isinstance(error, DurableUnavailable) else "(storage)"
    return _error(503, field, str(error), "to try again" if isinstance(error, RetryableError) else "")


def _error(status: int, field: str, problem: str, allowed: str = "") -> func.HttpResponse:
    details = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": conceal(problem),
        "field": field,
        **({"allowed": conceal(allowed)} if allowed else {}),
    }
    return answer(details, status, mimetype=PROBLEM)
