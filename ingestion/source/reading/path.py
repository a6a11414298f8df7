"""Paths into JSON: `data.items`, `hits.-1.sort`, or `` for the whole.

A key that itself has a dot in it is given in a list: `["@odata.nextLink"]`. As text it is found as well where it is the
last of the path; only the list of items has to be given exactly, because its place is decided while the page arrives.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator

ABSENT: Any = object()  # what `at` gives where there is nothing, to tell it from a null
INDEX = re.compile(r"-?[0-9]{1,9}")


def steps(text: Any) -> Any:
    """Return the steps of a path given as dotted text; anything else is left to the validation."""
    return tuple(filter(None, text.split("."))) if isinstance(text, str) else text


Path = Annotated[tuple[str, ...], BeforeValidator(steps)]


def at(document: Any, path: tuple[str, ...]) -> Any:
    """Return the value at `path`, or under its last steps as one key with dots; ABSENT if there is neither."""
    found = exactly_at(document, path)
    if found is ABSENT:
        for number in range(len(path) - 1):
            holder, key = exactly_at(document, path[:number]), ".".join(path[number:])
            if isinstance(holder, dict) and key in holder:
                return holder[key]
    return found


def exactly_at(document: Any, path: tuple[str, ...]) -> Any:
    """Return the value at `path`, or ABSENT if a step of it leads nowhere."""
    value = document
    for step in path:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and INDEX.fullmatch(step) and -len(value) <= int(step) < len(value):
            value = value[int(step)]
        else:
            return ABSENT
    return value


def keys_of(document: Any) -> Iterator[str]:
    """Yield the path of every key in the objects of a document, as a person writes it."""
    for key, value in document.items() if isinstance(document, dict) else ():
        yield key
        yield from (f"{key}.{inner}" for inner in keys_of(value))


def shown(path: tuple[str, ...]) -> str:
    """Return the path as a person writes it."""
    return ".".join(path)
