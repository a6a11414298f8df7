"""JSON answers, and errors in one form: which field, what is wrong, what is allowed."""

import json
from typing import Any

import azure.functions as func

from ingestion.errors import InvalidInput


def answer(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> func.HttpResponse:
    """A JSON answer."""
    return func.HttpResponse(
        json.dumps(body, ensure_ascii=False), status_code=status, mimetype="application/json", headers=headers
    )


def refusal(error: InvalidInput, status: int = 400) -> func.HttpResponse:
    """The answer to bad input: `{"error": {"field", "message", "allowed"}}`."""
    return answer({"error": {"field": error.field, "message": error.problem, "allowed": error.allowed}}, status)
