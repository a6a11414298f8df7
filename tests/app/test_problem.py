"""Every error is problem details (RFC 9457), and every answer to GET has an ETag for later polls."""

import json
from typing import Any

import azure.functions as func
import pytest

from clients.answer import answer, answer_to, answered
from ingestion.errors import (
    Conflict,
    DurableUnavailable,
    InvalidInput,
    NotFound,
    RetryableError,
    StorageRefused,
    Unconditional,
    UnknownSchema,
    WasChanged,
)


@pytest.mark.parametrize(
    ("error", "status", "field"),
    [
        (InvalidInput("limit", "too many", "1 to 100"), 400, "limit"),
        (NotFound("run_id", "no such run"), 404, "run_id"),
        (Conflict("run_id", "it has not ended"), 409, "run_id"),
        (WasChanged("If-Match", "another"), 412, "If-Match"),
        (Unconditional("If-Match", "missing"), 428, "If-Match"),
        (UnknownSchema("schema 9"), 409, "run_id"),
        (StorageRefused("HTTP 403"), 503, "(storage)"),
        (DurableUnavailable("no answer"), 503, "(durable)"),
    ],
)
def test_an_error_is_problem_details_with_its_field_and_what_is_allowed(error: Any, status: int, field: str) -> None:
    shown = answer_to(error)
    problem = json.loads(shown.get_body())
    assert (shown.status_code, shown.mimetype) == (status, "application/problem+json")
    assert (problem["status"], problem["field"], problem["type"]) == (status, field, "about:blank")
    assert problem["title"]
    assert problem["detail"]
    assert ("allowed" in problem) == bool(getattr(error, "allowed", isinstance(error, RetryableError | UnknownSchema)))


async def asked(method: str, known: str | None, **headers: str) -> func.HttpResponse:
    async def work() -> func.HttpResponse:
        return answer({"runs": []}, headers=headers)

    given = {} if known is None else {"If-None-Match": known}
    return await answered(func.HttpRequest(method, "/api/runs", headers=given, body=b""), "list", work())


async def test_a_get_answers_304_to_a_client_that_has_its_answer() -> None:
    first = await asked("GET", None)
    etag = first.headers["ETag"]
    assert (first.status_code, first.headers["Cache-Control"]) == (200, "no-cache")
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = await asked("GET", known)
        assert (again.status_code, again.headers["ETag"], again.get_body()) == (304, etag, b"")
    assert (await asked("GET", '"other"')).status_code == 200
    assert (await asked("GET", '"7"', ETag='"7"')).status_code == 304, "an answer may have an ETag of its own"
    assert "ETag" not in (await asked("POST", None)).headers


def test_half_a_character_of_a_source_makes_no_answer_unreadable() -> None:
    assert json.loads(answer({"text": "é \ud800"}).get_body()) == {"text": "é \ud800"}
