"""Dotted paths into JSON: `data.items`, `meta.next`, or `` for the whole."""

from typing import Any

ABSENT = object()  # what `at` gives where there is nothing, to tell it from a null


def at(document: Any, path: str) -> Any:
    """The value at `path`, or ABSENT if a step of it leads nowhere."""
    value = document
    for step in filter(None, path.split(".")):
        if not isinstance(value, dict) or step not in value:
            return ABSENT
        value = value[step]
    return value
