"""Turn errors of pydantic into InvalidInput: their location becomes the field, their message the problem.

No error shows the input, because it may be a secret.
"""

from collections.abc import Iterable, Iterator
from typing import Any, get_args

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


def keys_at(model: type[BaseModel], location: Iterable[int | str]) -> list[str]:
    """Return the keys that the table at a location of pydantic may have; `model` is the outermost table."""
    models = [model]
    for part in location:
        fields = [each.model_fields[part] for each in models if isinstance(part, str) and part in each.model_fields]
        of_kind = [
            each for each in models if any(get_args(one.annotation) == (part,) for one in each.model_fields.values())
        ]
        models = [inner for field in fields for inner in _models_in(field.annotation)] or of_kind or models
    return sorted({key for each in models for key in each.model_fields})


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


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
