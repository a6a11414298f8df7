"""Paths into JSON: `data.items`, `hits.-1.sort`, or `` for the whole.

A key that itself has a dot in it is given in a list: `["@odata.nextLink"]`.
"""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

from ingestion.validation import not_allowed

_DOTTED_KEY = re.compile(r"@(odata|microsoft)\.\w+")  # as text they would lead nowhere, which can look like an end
ABSENT: Any = object()  # what `at` gives where there is nothing, to tell it from a null


def steps(text: Any) -> Any:
    """The steps of a path given as dotted text; anything else is left to the validation."""
    if isinstance(text, str) and (key := _DOTTED_KEY.search(text)):
        raise not_allowed(f"{key[0]!r} is one key with a dot in it", f'the keys of the path in a list: ["{key[0]}"]')
    return tuple(filter(None, text.split("."))) if isinstance(text, str) else text


Path = Annotated[tuple[str, ...], BeforeValidator(steps)]


def at(document: Any, path: tuple[str, ...]) -> Any:
    """The value at `path`, or ABSENT if a step of it leads nowhere."""
    value = document
    for step in path:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.lstrip("-").isdigit() and -len(value) <= int(step) < len(value):
            value = value[int(step)]
        else:
            return ABSENT
    return value


def shown(path: tuple[str, ...]) -> str:
    """The path as a person writes it."""
    return ".".join(path)
