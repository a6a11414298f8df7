"""The constraints a route parameter may carry, as `{id:int:min(1)}`."""

import re
import warnings
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

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
    return lambda text: re.fullmatch(r"\s*[+-]?[0-9]{1,1000}\s*", text) is not None and least <= int(text) <= most


def _as_long_as(least: int, most: int | None = None) -> Check:
    return lambda text: least <= len(text) <= (least if most is None else most)


def _number(text: str) -> float:
    return float(text.replace(",", ""))  # a comma parts thousands, wherever it stands


_PLAIN: dict[str, Check] = {
    "int": _between(-(2**31), 2**31 - 1),
    "long": _between(_LEAST, _MOST),
    "bool": lambda text: text.lower() in ("true", "false"),
    "datetime": _readable_by(datetime.fromisoformat),
    "decimal": _readable_by(_number),
    "double": _readable_by(_number),
    "float": _readable_by(_number),
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


def read_constraint(text: str) -> Check:
    """Turn a constraint's text into its test; ValueError when the host knows no such constraint."""
    name, _, rest = text.partition("(")
    kind = name.strip().lower()
    inside = rest.removesuffix(")")
    try:
        if not rest:
            return _PLAIN[kind]
        if kind == "regex":
            with warnings.catch_warnings(action="ignore"):  # doubled brackets mean nothing special
                pattern = re.compile(inside, re.IGNORECASE)
            return lambda value: pattern.search(value) is not None
        return _WITH_NUMBERS[kind](*map(int, inside.split(",")))
    except (KeyError, ValueError, TypeError, re.error) as error:
        raise ValueError(f"there is no constraint {text!r}") from error
