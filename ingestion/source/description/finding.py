"""What is wrong with a description, in the terms of its file: the key, and what may be there.

Enters: what pydantic found. Leaves: findings whose keys are those of the TOML file, with the keys or the names that
are allowed in that place. They show what the file says, never an app setting that was filled in.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ingestion.source.reading.path import ABSENT, at
from ingestion.validation import in_words

TAGS = ("style", "kind")  # keys by which a table says which of several it is
UNKNOWN_KEY = "unknown key"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; `given` is what the file has at `key`, where that is to blame."""

    key: str
    problem: str
    allowed: str
    given: Any = None


def findings(error: ValidationError, model: type[BaseModel], table: Any) -> list[Finding]:
    """All that is wrong with `table` (as the file has it), which `model` describes: one a key, unknown keys first."""
    found: dict[str, Finding] = {}
    for facts in error.errors(include_url=False):
        new = _finding(facts, model, table)
        old = found.get(new.key)
        if old is None:
            found[new.key] = new
        elif new.allowed not in old.allowed:  # each of several types that may be there has its say
            found[new.key] = replace(old, allowed=f"{old.allowed} or {new.allowed}")
    return sorted(found.values(), key=lambda each: each.problem != UNKNOWN_KEY)


def _finding(facts: ErrorDetails, model: type[BaseModel], table: Any) -> Finding:
    models, path = _place(facts["loc"], model, table)
    context = facts.get("ctx", {})
    path += [step for step in str(context.get("field", "")).split(".") if step]
    key, given = ".".join(path), at(table, tuple(path))
    match facts["type"]:
        case "missing":
            return Finding(key, "missing", "a value")
        case "extra_forbidden":
            return Finding(key, UNKNOWN_KEY, ", ".join(sorted(models[0].model_fields)))
        case "union_tag_invalid" | "union_tag_not_found":
            tag = context["discriminator"].strip("'")
            given = at(table, (*path, tag))
            problem = "missing" if given is ABSENT else f"there is no {given!r}"
            return Finding(
                f"{key}.{tag}", problem, ", ".join(repr(tag) for each in models for tag in _tags(each)), given
            )
    problem, allowed = in_words(facts, given)
    return Finding(key, problem, allowed, None if given is ABSENT or isinstance(given, dict) else given)


def _place(
    location: tuple[int | str, ...], model: type[BaseModel], table: Any
) -> tuple[list[type[BaseModel]], list[str]]:
    """The models that may describe the place of an error, and its path in the file.

    Pydantic also names the kind of a table, or a type that was tried, in its path; the file has neither.
    """
    models: list[type[BaseModel]] = [model]
    path: list[str] = []
    for part in location:
        chosen = [each for each in models if part in _tags(each)]
        if chosen:
            models = chosen
            continue
        if not isinstance(at(table, tuple(path)), dict | list):
            break
        path.append(str(part))
        models = [inner for each in models for inner in _inner(each, part)] or models
    return models, path


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
