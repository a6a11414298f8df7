"""What pydantic finds wrong with an input, as an InvalidInput: its location is the field, its message the problem.

The input itself is left out of every error, since it may be a secret.
"""

from collections.abc import Iterable

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from ingestion.errors import InvalidInput


def not_allowed(problem: str, allowed: str, field: str = "") -> PydanticCustomError:
    """Return the error for a validator to raise; `field` is the field to blame where it checked a whole model."""
    return PydanticCustomError("not_allowed", "{problem}", {"problem": problem, "allowed": allowed, "field": field})


def details(error: ValidationError) -> list[ErrorDetails]:
    """Return all that is wrong, without the input; the location names the field that `not_allowed` was given."""
    found = error.errors(include_url=False, include_input=False)
    for each in found:
        context = each.get("ctx", {})
        if kinds := context.get("expected_tags"):  # the message of pydantic would show the input
            each["msg"] = f"Input should be one of {kinds}"
        named = context.get("field") or context.get("discriminator", "").strip("'")
        each["loc"] = (*each["loc"], *filter(None, named.split(".")))
    return found


def invalid_input(error: ValidationError, fields: Iterable[str] = ()) -> InvalidInput:
    """Return the first thing that is wrong; `fields` are those that there are, for the answer to an unknown one."""
    first = details(error)[0]
    unknown = first["type"] == "extra_forbidden"
    allowed = ", ".join(fields) if unknown else first.get("ctx", {}).get("allowed", "")
    return InvalidInput(".".join(map(str, first["loc"])), first["msg"], allowed)
