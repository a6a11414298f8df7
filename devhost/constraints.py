"""The constraints a route parameter may carry, as `{id:int:min(1)}`.

On the way: a constraint's text enters while routes are read; a test over the parameter's text leaves.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation

from devhost.errors import AppLoadError

Check = Callable[[str], bool]


def _accepts(convert: Callable[[str], object]) -> Check:
    def check(text: str) -> bool:
        try:
            convert(text)
        except (ValueError, InvalidOperation):
            return False
        return True

    return check


def _whole(bits: int) -> Check:
    half = 1 << (bits - 1)
    return lambda text: re.fullmatch(r"[+-]?\d+", text) is not None and -half <= int(text) < half


_long = _whole(64)

_PLAIN: dict[str, Check] = {
    "int": _whole(32),
    "long": _long,
    "bool": lambda text: text.lower() in ("true", "false"),
    "datetime": _accepts(datetime.fromisoformat),
    "decimal": _accepts(Decimal),
    "double": _accepts(float),
    "float": _accepts(float),
    "guid": _accepts(uuid.UUID),
    "alpha": lambda text: re.fullmatch(r"[A-Za-z]*", text) is not None,
    "required": lambda text: text != "",
}

_WITH_ONE: dict[str, Callable[[int], Check]] = {
    "minlength": lambda least: lambda text: len(text) >= least,
    "maxlength": lambda most: lambda text: len(text) <= most,
    "length": lambda exact: lambda text: len(text) == exact,
    "min": lambda least: lambda text: _long(text) and int(text) >= least,
    "max": lambda most: lambda text: _long(text) and int(text) <= most,
}

_WITH_TWO: dict[str, Callable[[int, int], Check]] = {
    "length": lambda least, most: lambda text: least <= len(text) <= most,
    "range": lambda least, most: lambda text: _long(text) and least <= int(text) <= most,
}


def read_constraint(text: str, route: str) -> Check:
    """Turn a constraint's text into its test; AppLoadError when the host knows no such constraint."""
    name, _, rest = text.partition("(")
    kind = name.strip().lower()
    inside = rest.removesuffix(")")
    try:
        if not rest:
            return _PLAIN[kind]
        if kind == "regex":
            pattern = re.compile(inside, re.IGNORECASE)
            return lambda value: pattern.search(value) is not None
        numbers = [int(part) for part in inside.split(",")]
        return _WITH_ONE[kind](*numbers) if len(numbers) == 1 else _WITH_TWO[kind](*numbers)
    except (KeyError, ValueError, TypeError, re.error) as error:
        raise AppLoadError(f"route {route!r}: there is no constraint {text!r}") from error
