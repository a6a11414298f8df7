"""Pydantic's findings in our words: which field, what is wrong with it, what is allowed."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from ingestion.errors import InvalidInput


def not_allowed(problem: str, allowed: str, field: str = "") -> PydanticCustomError:
    """The error for a validator to raise when it can say better than a pattern what is allowed.

    `field` is that of a model's fields which is to blame, where the model as a whole was looked at.
    """
    return PydanticCustomError("not_allowed", "{problem}", {"problem": problem, "allowed": allowed, "field": field})


def invalid_input(error: ValidationError, prefix: str = "", fields: Iterable[str] = ()) -> InvalidInput:
    """Turn the first finding of `error` into an InvalidInput.

    `prefix` says where the checked data sits, `fields` which fields there are, for the answer to an unknown one.
    """
    finding = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in finding["loc"]) or "(the whole)"
    problem, allowed = in_words(finding, finding.get("input"))
    if finding["type"] == "extra_forbidden" and fields:
        allowed = ", ".join(fields)
    return InvalidInput(prefix + path, problem, allowed)


def in_words(finding: ErrorDetails, given: Any) -> tuple[str, str]:
    """What is wrong and what is allowed; `given` is what to show of what was there."""
    facts: dict[str, Any] = finding.get("ctx", {})
    shown = repr(given) if len(repr(given)) <= 60 else repr(given)[:57] + "..."
    match finding["type"]:
        case "not_allowed":
            return facts["problem"], facts["allowed"]
        case "value_error":
            return "not as it may be", str(facts["error"])
        case "missing":
            return "missing", "a value"
        case "extra_forbidden":
            return "unknown field", "only the documented fields"
        case "int_type" | "int_parsing" | "int_from_float":
            return f"{shown} is not a whole number", "a whole number"
        case "float_type" | "float_parsing":
            return f"{shown} is not a number", "a number"
        case "finite_number":
            return f"{shown} is no finite number", "a number"
        case "bool_type" | "bool_parsing":
            return f"{shown} is neither true nor false", "true or false"
        case "string_type":
            return f"{shown} is not text", "text"
        case "tuple_type" | "list_type":
            return f"{shown} is not a list", f"a list, such as [{shown}]"
        case "too_short":
            return "too few of them", f"at least {facts['min_length']}"
        case "model_type" | "dict_type" | "model_attributes_type":
            return "not a table", "a table of keys and values"
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
            return "not valid", finding["msg"]
