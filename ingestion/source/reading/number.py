"""Numbers of JSON: messages keep all digits, and computations use Python's numbers."""

import copy
from math import isfinite
from typing import Any

from ingestion.source.http.outage import NoPage
from ingestion.source.reading.path import at


class Digits:
    """A number whose digits a float would change: 10.10, 1e400, eighteen digits after the point."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def number(text: str) -> float | Digits:
    """Return a number of JSON that is no integer."""
    value = float(text)
    return value if repr(value) == text else Digits(text)


def value_at(item: Any, path: tuple[str, ...]) -> Any:
    """Return the value at `path` of an item, for computations or for the next request; see `at`."""
    found = at(item, path)
    return plain(copy.deepcopy(found)) if isinstance(found, dict | list | Digits) else found


def plain(value: Any) -> Any:
    """Return `value` with floats in place of digits. Raise NoPage if a number is too large."""
    top = [value]
    holders: list[Any] = [top]
    while holders:
        holder = holders.pop()
        for key, inner in holder.items() if isinstance(holder, dict) else enumerate(holder):
            if isinstance(inner, Digits):
                holder[key] = float(inner.text)
                if not isfinite(holder[key]):
                    raise NoPage(
                        "the response holds a number too large for a float, such as 1e400, outside of its items"
                    )
            elif isinstance(inner, dict | list):
                holders.append(inner)
    return top[0]
