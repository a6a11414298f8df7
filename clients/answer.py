"""JSON answers, and errors in one form: which field, what is wrong, what is allowed."""

import json
from typing import Any

import azure.functions as func

from ingestion.errors import DurableUnavailable, InvalidInput


def answer(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> func.HttpResponse:
    """A JSON answer."""
    return func.HttpResponse(
        json.dumps(body, ensure_ascii=False), status_code=status, mimetype="application/json", headers=headers
    )


def refusal(error: InvalidInput, status: int = 400) -> func.HttpResponse:
    """Return the answer to bad input: `{"error": {"field", "message"}}`, and `allowed` where it says more."""
    allowed = {"allowed": error.allowed} if error.allowed else {}
    return answer({"error": {"field": error.field, "message": error.problem, **allowed}}, status)


def no_such_run(run_id: str) -> func.HttpResponse:
    """The answer to a run id that names no run."""
    return refusal(InvalidInput("run_id", f"there is no run {run_id!r}", "the id that starting a run gave"), 404)


def unavailable(error: Exception) -> func.HttpResponse:
    """The answer when storage or Durable Functions does not do its part: what to check is in the message."""
    field = "(durable)" if isinstance(error, DurableUnavailable) else "(storage)"
    return answer({"error": {"field": field, "message": str(error), "allowed": "to try again"}}, 503)
