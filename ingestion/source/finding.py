"""What is wrong with a description, in the terms of its file: source, key, and what may be there.

Enters: what pydantic found. Leaves: an InvalidInput whose path is that of the TOML file, with the keys or the names
that are allowed in that place.
"""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ingestion.errors import InvalidInput
from ingestion.validation import invalid_input

TAGS = ("style", "kind")  # keys by which a table says which of several it is


def finding(error: ValidationError, model: type[BaseModel], prefix: str) -> InvalidInput:
    """The first finding of `error` in a table that `model` describes; `prefix` says which table."""
    facts = error.errors(include_url=False)[0]
    models, path = [model], []
    for part in facts["loc"]:
        chosen = [each for each in models if part in _tags(each)]
        if chosen:
            models = chosen  # pydantic names the kind of a table in the path, the file does not
            continue
        path.append(str(part))
        models = [inner for each in models for inner in _inner(each, part)] or models
    name = prefix + ".".join(path)
    match facts["type"]:
        case "extra_forbidden":
            return InvalidInput(name, "unknown key", ", ".join(sorted(key for key in models[0].model_fields)))
        case "union_tag_invalid":
            tag = facts["ctx"]["tag"]
            return InvalidInput(name, f"there is no {tag!r}", facts["ctx"]["expected_tags"])
        case "union_tag_not_found":
            key = facts["ctx"]["discriminator"].strip("'")
            return InvalidInput(
                f"{name}.{key}", "missing", ", ".join(repr(tag) for each in models for tag in _tags(each))
            )
        case "value_error":
            return InvalidInput(name, "not as it may be", str(facts["ctx"]["error"]))
        case "bool_parsing" | "bool_type":
            return InvalidInput(name, f"{facts['input']!r} is neither true nor false", "true or false")
        case "model_type" | "dict_type" | "model_attributes_type":
            return InvalidInput(name.rstrip("."), "not a table", "a table of keys and values")
    told = invalid_input(error, prefix)
    return InvalidInput(name, told.problem, told.allowed)


def _inner(model: type[BaseModel], part: Any) -> Iterator[type[BaseModel]]:
    """The models of the tables that may be at a key."""
    if part in model.model_fields:
        yield from _models(model.model_fields[part].annotation)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    return next((get_args(model.model_fields[tag].annotation) for tag in TAGS if tag in model.model_fields), ())
