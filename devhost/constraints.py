"""The constraints a route parameter may carry, as `{id:int:min(1)}`."""

import re
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from devhost.errors import AppLoadError

Check = Callable[[str], bool]
_LEAST, _MOST = -(2**63), 2**63 - 1


def _readable_by(convert: Callable[[str], object]) -> Check:
    def check(text: str) -> bool:
        try:
            convert(text)
        except ValueError:
            return False
        return True

    return check


def _between(least: int, most: int) -> Check:
    # No more digits than Python makes a number of.
    return lambda text: re.fullmatch(r"[+-]?\d{1,1000}", text) is not None and least <= int(text) <= most


def _as_long_as(least: int, most: int | None = None) -> Check:
    return lambda text: least <= len(text) <= (least if most is None else most)


_PLAIN: dict[str, Check] = {
    "int": _between(-(2**31), 2**31 - 1),
    "long": _between(_LEAST, _MOST),
    "bool": lambda text: text.lower() in ("true", "false"),
    "datetime": _readable_by(datetime.fromisoformat),
    "decimal": _readable_by(float),
    "double": _readable_by(float),
    "float": _readable_by(float),
    "guid": _readable_by(UUID),
    "alpha": lambda text: re.fullmatch(r"[A-Za-z]*", text) is not None,
    "required": lambda text: text != "",
}

_WITH_NUMBERS: dict[str, Callable[..., Check]] = {
    "length": _as_long_as,
    "minlength": lambda least: _as_long_as(least, _MOST),
    "maxlength": lambda most: _as_long_as(0, most),
    "range": _between,
    "min": lambda least: _between(least, _MOST),
    "max": lambda most: _between(_LEAST, most),
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
        return _WITH_NUMBERS[kind](*map(int, inside.split(",")))
    except (KeyError, ValueError, TypeError, re.error) as error:
        raise AppLoadError(f"route {route!r}: there is no constraint {text!r}") from error
