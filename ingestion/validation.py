"""Turn errors of pydantic into InvalidInput: their location becomes the field, their message the problem.

No error shows the input, because it may be a secret.
"""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from ingestion.errors import SHOWN_CHARACTERS, InvalidInput


class Table(BaseModel):
    """The base of all tables of `sources.toml`: immutable, without unknown keys, and no error shows a value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


UNRESOLVED = "holds a Key Vault reference that was not resolved: see the reference's status in the app's settings"


def not_allowed(problem: str, allowed: str, field: str = "") -> PydanticCustomError:
    """Return the error for a validator to raise. A validator of a whole model names the wrong `field`."""
    return PydanticCustomError("not_allowed", "{problem}", {"problem": problem, "allowed": allowed, "field": field})


def details(error: ValidationError) -> list[ErrorDetails]:
    """Return all errors without the input; the location includes the `field` of `not_allowed`."""
    found = error.errors(include_url=False, include_input=False)
    for each in found:
        context = each.get("ctx", {})
        if kinds := context.get("expected_tags"):  # pydantic's message would show the input
            each["msg"] = f"Input should be one of {kinds}"
        elif each["type"] == "extra_forbidden":
            each["msg"] = "no such key"
        named = context.get("field") or context.get("discriminator", "").strip("'")
        each["loc"] = (*each["loc"], *filter(None, named.split(".")))
    return found


def is_unresolved(value: str) -> bool:
    """Return whether an app setting is still a Key Vault reference, which the host should have replaced."""
    return value.strip().lower().startswith("@microsoft.keyvault(")


def invalid_input(error: ValidationError, fields: Iterable[str] = ()) -> InvalidInput:
    """Return the first error; `fields` are the known fields, which the error for an unknown one lists."""
    first = details(error)[0]
    unknown = first["type"] == "extra_forbidden"
    allowed = ", ".join(fields) if unknown else first.get("ctx", {}).get("allowed", "")
    field = ".".join(map(str, first["loc"]))
    return InvalidInput(field[:SHOWN_CHARACTERS], first["msg"], allowed)
