"""Route templates of HTTP functions, matched as the host's router matches them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from devhost.constraints import Check, read_constraint
from devhost.errors import AppLoadError
from devhost.loader import LoadedFunction

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


class Route:
    """One function's template and methods; no methods stand for all."""

    def __init__(self, function: LoadedFunction, prefix: str) -> None:
        self.function = function
        own = (function.trigger.route or function.name).strip("/")
        self.template = "/".join(part for part in (prefix.strip("/"), own) if part)
        self.methods = frozenset(str(method).upper() for method in function.trigger.methods or ())
        segments = _read_segments(self.template)
        self._parameters = [token for segment in segments for token in segment if isinstance(token, Parameter)]
        compiled = [_compile(segment) for segment in segments]
        self.precedence = [rank for _, rank in compiled]
        self._pattern = re.compile("".join(text for text, _ in compiled) or "/?", re.IGNORECASE | re.DOTALL)

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """Return the route values when method and decoded path fit, else None."""
        found = self._pattern.fullmatch(path)
        if found is None or (self.methods and method not in self.methods):
            return None
        values: dict[str, str] = {}
        for parameter, text in zip(self._parameters, found.groups(), strict=True):
            value = text or parameter.default
            if value is None:
                continue
            if not all(check(value) for check in parameter.checks):
                return None
            values[parameter.name] = value
        return values


class RouteTable:
    """All routes of the app, most specific first."""

    def __init__(self, functions: Iterable[LoadedFunction], prefix: str) -> None:
        self.routes = sorted((Route(function, prefix) for function in functions), key=lambda route: route.precedence)

    def match(self, method: str, raw_path: str) -> tuple[LoadedFunction, dict[str, str]] | None:
        """Find function and route values for a path that is still encoded; None also for a wrong method."""
        # An encoded slash stays encoded, so that it cannot end a segment.
        path = "%2F".join(unquote(part) for part in re.split("%2F", raw_path.rstrip("/"), flags=re.IGNORECASE))
        for route in self.routes:
            values = route.match(method, path)
            if values is not None:
                return route.function, values
        return None


def _read_segments(template: str) -> list[list[str | Parameter]]:
    if unread := _TOKEN.sub("", template):
        raise AppLoadError(f"route {template!r} cannot be read at {unread!r}")
    segments: list[list[str | Parameter]] = [[]]
    for token in _TOKEN.finditer(template):
        if token["slash"]:
            segments.append([])
        elif token["literal"]:
            segments[-1].append(_undouble(token["literal"]))
        else:
            segments[-1].append(_read_parameter(_undouble(token["parameter"]), template))
    if template and [] in segments:
        raise AppLoadError(f"route {template!r} has an empty segment")
    return segments if template else []


def _undouble(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")


def _read_parameter(text: str, template: str) -> Parameter:
    found = _PARAMETER.fullmatch(text.removesuffix("?"))
    if found is None:
        raise AppLoadError(f"route {template!r} has a parameter that cannot be read: {text!r}")
    stars, name, constraints, _, default = found.groups()
    return Parameter(
        name=name,
        is_optional=text.endswith("?") or default is not None,
        is_rest=bool(stars),
        default=default,
        checks=tuple(read_constraint(constraint, template) for constraint in re.findall(_CONSTRAINT, constraints)),
    )


def _compile(segment: list[str | Parameter]) -> tuple[str, int]:
    """Give a segment's pattern and its rank: literal, constrained or mixed, free, constrained rest, rest."""
    match segment:
        case [Parameter(is_rest=True, checks=checks)]:
            return "(?:/(.*))?", 4 if checks else 5
        case [Parameter(is_optional=is_optional, checks=checks)]:
            return "(?:/([^/]+))?" if is_optional else "/([^/]+)", 2 if checks else 3
        case [str(literal)]:
            return f"/{re.escape(literal)}", 1
    return "/" + "".join(map(_mixed_pattern, segment)), 2


def _mixed_pattern(token: str | Parameter) -> str:
    if isinstance(token, str):
        return re.escape(token)
    return "([^/]*?)" if token.is_optional else "([^/]+)"
