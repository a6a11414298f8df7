"""Route templates: literals, `{id:int}`, `{x?}`, `{*rest}`, matched as the real host's router matches them."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from devhost.constraints import Check, read_constraint

# Doubled braces stand for one; in a parameter only a regex has them.
_TOKEN = re.compile(r"(?P<slash>/)|\{(?P<parameter>(?:[^{}]|\{\{|\}\})+)\}|(?P<literal>(?:[^{}/?]|\{\{|\}\})+)")
# A closing parenthesis ends a constraint only where another constraint, the default or the end follows.
_CONSTRAINT = r":([^:=(]+(?:\(.*?\)(?=[:=]|$))?)"
_PARAMETER = re.compile(rf"(\**)([^:=?*]+)((?:{_CONSTRAINT})*)(?:=(.*))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One `{name...}` of a template."""

    name: str
    is_optional: bool
    is_rest: bool
    default: str | None
    checks: tuple[Check, ...]

    def takes(self, value: str) -> bool:
        """Tell whether a value passes the constraints."""
        return all(check(value) for check in self.checks)


Segment: TypeAlias = Sequence[str | Parameter]


class Template:
    """One template; ValueError when the router cannot read it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.segments = _read_segments(text.removeprefix("/").removesuffix("/"))
        self.parameters = [token for segment in self.segments for token in segment if isinstance(token, Parameter)]
        if fault := _find_fault(self.segments, self.parameters):
            raise ValueError(fault)
        has_rest = any(parameter.is_rest for parameter in self.parameters)
        pattern = "".join(map(_compile, self.segments)) + ("" if has_rest else "/?")
        self._pattern = re.compile(pattern, re.IGNORECASE | re.DOTALL)

    def match(self, path: str) -> dict[str, str] | None:
        """Return the route values of a decoded path that fits, else None."""
        found = self._pattern.fullmatch(path)
        if found is None:
            return None
        values: dict[str, str] = {}
        for parameter, text in zip(self.parameters, found.groups(), strict=True):
            value = text or parameter.default
            if value is None:
                continue
            if not parameter.takes(value):
                return None
            values[parameter.name] = value
        return values


def _read_segments(text: str) -> list[Segment]:
    if unread := _TOKEN.sub("", text):
        raise ValueError(f"it cannot be read at {unread!r}")
    segments: list[list[str | Parameter]] = [[]]
    for token in _TOKEN.finditer(text):
        if token["slash"]:
            segments.append([])
        elif token["literal"]:
            segments[-1].append(_undouble(token["literal"]))
        else:
            segments[-1].append(_read_parameter(_undouble(token["parameter"])))
    if text and [] in segments:
        raise ValueError("it has an empty segment")
    return [*segments] if text else []


def _undouble(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")


def _read_parameter(text: str) -> Parameter:
    found = _PARAMETER.fullmatch(text.removesuffix("?"))
    if found is None:
        raise ValueError(f"it has a parameter that cannot be read: {text!r}")
    stars, name, constraints, _, default = found.groups()
    return Parameter(
        name=name,
        is_optional=text.endswith("?") or default is not None,
        is_rest=bool(stars),
        default=default,
        checks=tuple(map(read_constraint, re.findall(_CONSTRAINT, constraints))),
    )


def _find_fault(segments: Sequence[Segment], parameters: Sequence[Parameter]) -> str | None:
    names = [parameter.name.lower() for parameter in parameters]
    if len(set(names)) < len(names):
        return "it has one parameter twice"
    if any(it.is_rest and segments[-1] != [it] for it in parameters):
        return "a rest must be its last segment"
    neighbours = [both for segment in segments for both in itertools.pairwise(segment)]
    if any(isinstance(a, Parameter) and isinstance(b, Parameter) for a, b in neighbours):
        return "two parameters follow each other without a literal between them"
    return None


def _compile(segment: Segment) -> str:
    match segment:
        case [Parameter(is_rest=True)]:
            return "(?:/(?:([^/].*))?)?"
        case [Parameter(is_optional=True)]:
            return "(?:/([^/]+))?"
        # The point before it is as optional as the parameter, and the last point of a path is the one that counts.
        case [*first, str(literal), Parameter(is_optional=True)] if literal.endswith("."):
            return "/" + _join([*first, literal[:-1]], "([^/]+?)") + r"(?:\.([^/.]+))?"
    return "/" + _join(segment, "([^/]+)")


def _join(segment: Segment, value: str) -> str:
    return "".join(re.escape(token) if isinstance(token, str) else value for token in segment)
