"""Pydantic's findings in our words: which field, what is wrong with it, what is allowed."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from ingestion.errors import InvalidInput


def not_allowed(problem: str, allowed: str) -> PydanticCustomError:
    """The error for a validator to raise when it can say better than a pattern what is allowed."""
    return PydanticCustomError("not_allowed", "{problem}", {"problem": problem, "allowed": allowed})


def invalid_input(error: ValidationError, prefix: str = "", fields: Iterable[str] = ()) -> InvalidInput:
    """Turn the first finding of `error` into an InvalidInput.

    `prefix` says where the checked data sits, `fields` which fields there are, for the answer to an unknown one.
    """
    finding = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in finding["loc"]) or "(the whole)"
    problem, allowed = _in_words(finding["type"], finding.get("ctx", {}), finding.get("input"))
    if finding["type"] == "extra_forbidden" and fields:
        allowed = ", ".join(fields)
    if not allowed:
        problem, allowed = "not valid", finding["msg"]
    return InvalidInput(prefix + path, problem, allowed)


def _in_words(kind: str, facts: dict[str, Any], given: Any) -> tuple[str, str]:
    shown = repr(given) if len(repr(given)) <= 60 else repr(given)[:57] + "..."
    match kind:
        case "not_allowed":
            return facts["problem"], facts["allowed"]
        case "missing":
            return "missing", "a value"
        case "extra_forbidden":
            return "unknown field", "only the documented fields"
        case "int_type" | "int_parsing" | "int_from_float":
            return f"{shown} is not a whole number", "a whole number"
        case "float_type" | "float_parsing":
            return f"{shown} is not a number", "a number"
        case "bool_type":
            return f"{shown} is neither true nor false", "true or false"
        case "string_type":
            return f"{shown} is not text", "text"
        case "greater_than_equal":
            return f"{shown} is too small", f"at least {facts['ge']}"
        case "greater_than":
            return f"{shown} is too small", f"more than {facts['gt']}"
        case "less_than_equal":
            return f"{shown} is too large", f"at most {facts['le']}"
        case "string_too_short":
            return f"{shown} is too short", f"at least {facts['min_length']} characters"
        case "string_too_long":
            return f"{len(given)} characters are too long", f"at most {facts['max_length']} characters"
        case "string_pattern_mismatch":
            return f"{shown} has other characters", f"text that matches {facts['pattern']}"
        case "literal_error":
            return f"{shown} is not one of them", str(facts["expected"])
        case _:
            return "", ""
