"""Paths into JSON: `data.items`, `hits.-1.sort`, or an empty path for the whole document.

Write the path of a key that has dots as a list: `["@odata.nextLink"]`. In a path as text, `at` finds such a key only if
it is the last. `items` needs the list, because the parser must know its place while the page arrives.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator

ABSENT: Any = object()  # the result of `at` if there is nothing, in contrast to null
INDEX = re.compile(r"-?[0-9]{1,9}")


def steps(text: Any) -> Any:
    """Return the steps of a path that is dotted text; return anything else unchanged, for the validation."""
    return tuple(filter(None, text.split("."))) if isinstance(text, str) else text


Path = Annotated[tuple[str, ...], BeforeValidator(steps)]


def at(document: Any, path: tuple[str, ...]) -> Any:
    """Return the value at `path`; its last steps may be one key with dots. ABSENT if there is no value."""
    found = exactly_at(document, path)
    if found is ABSENT:
        for number in range(len(path) - 1):
            holder, key = exactly_at(document, path[:number]), ".".join(path[number:])
            if isinstance(holder, dict) and key in holder:
                return holder[key]
    return found


def exactly_at(document: Any, path: tuple[str, ...]) -> Any:
    """Return the value at `path`, or ABSENT if the path leads nowhere."""
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
    """Yield the path of each key in the objects of a document, as dotted text."""
    for key, value in document.items() if isinstance(document, dict) else ():
        yield key
        yield from (f"{key}.{inner}" for inner in keys_of(value))


def shown(path: tuple[str, ...]) -> str:
    """Return the path as dotted text."""
    return ".".join(path)
