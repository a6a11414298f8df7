"""Route templates of HTTP functions, matched as the host's router matches them.

On the way: templates enter once at start; for each request a method and a path enter and a function
with its route values leaves, or nothing, which is a 404 (also when only the method is wrong).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from devhost.constraints import Check, read_constraint
from devhost.errors import AppLoadError
from devhost.loader import LoadedFunction

_LITERAL, _CONSTRAINED, _FREE, _CONSTRAINED_REST, _REST = 1, 2, 3, 4, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One `{name...}` of a template."""

    name: str
    is_optional: bool
    is_rest: bool
    default: str | None
    checks: tuple[Check, ...]


class Route:
    """One function's template and methods."""

    def __init__(self, function: LoadedFunction, prefix: str) -> None:
        self.function = function
        own = (function.trigger.route or function.name).strip("/")
        self.template = "/".join(part for part in (prefix, own) if part)
        methods = function.trigger.methods
        self.methods = None if not methods else frozenset(_method_name(method) for method in methods)
        self._parameters: list[Parameter] = []
        self.precedence: list[int] = []
        self._pattern = re.compile(self._compile(), re.IGNORECASE | re.DOTALL)

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """Return the route values when method and decoded path fit, else None."""
        if self.methods is not None and method not in self.methods:
            return None
        found = self._pattern.fullmatch(path)
        if found is None:
            return None
        values: dict[str, str] = {}
        for parameter, text in zip(self._parameters, found.groups(), strict=True):
            value = text if text else parameter.default
            if value is None:
                continue
            if not all(check(value) for check in parameter.checks):
                return None
            values[parameter.name] = value
        return values

    def _compile(self) -> str:
        segments = list(_split(self.template))
        pattern = ""
        for segment in segments:
            tokens = list(_tokens(segment, self.template))
            alone = tokens[0] if len(tokens) == 1 and isinstance(tokens[0], Parameter) else None
            if alone is None:
                pattern += "/" + "".join(self._token_pattern(token) for token in tokens)
                is_literal = all(isinstance(token, str) for token in tokens)
                self.precedence.append(_LITERAL if is_literal else _CONSTRAINED)
                continue
            self._parameters.append(alone)
            self.precedence.append(_rank(alone))
            if alone.is_rest:
                pattern += "(?:/(.*))?"
            elif alone.is_optional:
                pattern += "(?:/([^/]+))?"
            else:
                pattern += "/([^/]+)"
        return pattern or "/?"

    def _token_pattern(self, token: str | Parameter) -> str:
        if isinstance(token, str):
            return re.escape(token)
        self._parameters.append(token)
        return "([^/]*?)" if token.is_optional else "([^/]+)"


class RouteTable:
    """All routes of the app, most specific first."""

    def __init__(self, functions: Iterable[LoadedFunction], prefix: str) -> None:
        self.routes = sorted((Route(function, prefix) for function in functions), key=lambda r: r.precedence)

    def match(self, method: str, raw_path: str) -> tuple[LoadedFunction, dict[str, str]] | None:
        """Find the function for a request; raw_path is still percent-encoded."""
        path = "/".join(_decode(segment) for segment in raw_path.rstrip("/").split("/"))
        for route in self.routes:
            values = route.match(method, path)
            if values is not None:
                return route.function, values
        return None


def _decode(segment: str) -> str:
    # An encoded slash stays encoded, so that it cannot end a segment.
    return "%2F".join(unquote(part) for part in re.split("%2F", segment, flags=re.IGNORECASE))


def _method_name(method: object) -> str:
    return str(getattr(method, "value", method)).upper()


def _rank(parameter: Parameter) -> int:
    if parameter.is_rest:
        return _CONSTRAINED_REST if parameter.checks else _REST
    return _CONSTRAINED if parameter.checks else _FREE


def _split(template: str) -> Iterator[str]:
    # A slash inside braces belongs to a regex constraint.
    depth, start = 0, 0
    for position, letter in enumerate(template):
        depth += (letter == "{") - (letter == "}")
        if letter == "/" and depth == 0:
            yield template[start:position]
            start = position + 1
    if template:
        yield template[start:]


def _tokens(segment: str, template: str) -> Iterator[str | Parameter]:
    if not segment:
        raise AppLoadError(f"route {template!r} has an empty segment")
    position = 0
    # Doubled braces stand for one brace; inside a parameter only a regex has them.
    for found in re.finditer(r"\{((?:[^{}]|\{\{|\}\})+)\}", segment):
        if found.start() > position:
            yield _literal(segment[position : found.start()], template)
        yield _parameter(found[1].replace("{{", "{").replace("}}", "}"), template)
        position = found.end()
    if position < len(segment):
        yield _literal(segment[position:], template)


def _literal(text: str, template: str) -> str:
    if re.search(r"[{}?]", text.replace("{{", "").replace("}}", "")):
        raise AppLoadError(f"route {template!r} cannot be read at {text!r}")
    return text.replace("{{", "{").replace("}}", "}")


def _parameter(text: str, template: str) -> Parameter:
    name = re.match(r"(\**)([^:=?*]+)", text)
    if name is None:
        raise AppLoadError(f"route {template!r} has a parameter without a name")
    constraints, default = _constraints(text[name.end() :])
    is_optional = constraints.endswith("?") or (default or "").endswith("?")
    texts = _split_constraints(constraints.removesuffix("?"))
    return Parameter(
        name=name[2],
        is_optional=is_optional or default is not None,
        is_rest=bool(name[1]),
        default=default.removesuffix("?") if default is not None else None,
        checks=tuple(read_constraint(constraint, template) for constraint in texts),
    )


def _constraints(text: str) -> tuple[str, str | None]:
    # The first equals sign outside parentheses starts the default value.
    depth = 0
    for position, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "=" and depth == 0:
            return text[:position], text[position + 1 :]
    return text, None


def _split_constraints(text: str) -> list[str]:
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == ":" and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part]
