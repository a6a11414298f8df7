"""The routes of the app's HTTP functions. If several match, the first function by name answers, as on the real host."""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from local.devhost.app.loader import LoadedFunction
from local.devhost.errors import HostStartError
from local.devhost.http.template import Template

_RESERVED = ("admin", "runtime")


class Route:
    """One function's template and methods; an empty set of methods means all methods."""

    def __init__(self, function: LoadedFunction, prefix: str) -> None:
        self.function = function
        own = (function.trigger.route or "").strip() or function.name
        self.own, self.template = own.strip("/").lower(), f"{prefix.strip('/')}/{own}"
        self.methods = frozenset(str(method).upper() for method in function.trigger.methods or ())
        try:
            self.reader = Template(self.template if prefix else own)
        except ValueError as error:
            raise HostStartError(f"function {function.name}, route {self.template!r}: {error}") from error

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """Return the route values if method and decoded path match, else None."""
        return None if self.methods and method.upper() not in self.methods else self.reader.match(path)

    def find_conflict(self, mapped: Iterable["Route"]) -> str | None:
        """Return why the real host, or devhost, does not serve the function; None if both serve it."""
        if self.reader.unserved:
            return f"devhost does not serve {self.reader.unserved!r} (allowed: whole segments, constraint int)"
        if self.own.startswith(_RESERVED):
            return "The specified route conflicts with one or more built in routes."
        for other in mapped:
            if other.own == self.own and (not self.methods or not other.methods or self.methods & other.methods):
                return f"The route specified conflicts with the route defined by function '{other.function.name}'."
        return None


class RouteTable:
    """All routes of the app in the order of matching; `in_error` has the functions that are not served."""

    def __init__(self, functions: Iterable[LoadedFunction], prefix: str) -> None:
        self.routes: list[Route] = []
        self.in_error: list[tuple[str, str]] = []
        for route in sorted((Route(it, prefix) for it in functions), key=lambda route: route.function.name.upper()):
            if reason := route.find_conflict(self.routes):
                self.in_error.append((route.function.name, reason))
            else:
                self.routes.append(route)

    def match(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """Return route and route values for a decoded path; None if no route has this path and method."""
        matches = ((route, route.match(method, path)) for route in self.routes)
        return next(((route, values) for route, values in matches if values is not None), None)

    def unreachable(self) -> list[str]:
        """Return one line for each function that is not served, and for each method that another function answers."""
        lines = [f"The '{name}' function is in error: {reason}" for name, reason in self.in_error]
        for route in self.routes:
            for method in sorted(route.methods) or ["ANY"]:
                fitting = [path for path in _examples(route.reader) if route.match(method, path) is not None]
                takers = {found[0].function.name for path in fitting if (found := self.match(method, path))}
                if takers and route.function.name not in takers:
                    lines.append(
                        f"function {route.function.name} is never called for {method} {route.template}: the host tries "
                        f"functions in the order of their names, and {' and '.join(sorted(takers))} answers first"
                    )
        return lines


def unreachable(functions: Iterable[LoadedFunction], prefix: str = "api") -> list[str]:
    """Return one line for each function that the real host does not serve or never calls."""
    return RouteTable(functions, prefix).unreachable()


def decode(raw_path: str) -> str:
    """Decode a path as the real host does: keep encoded slashes and bytes that are not UTF-8, resolve dots."""
    path = "%2F".join(unquote(part, errors="surrogateescape") for part in re.split("%2[Ff]", raw_path))
    path = re.sub("[\udc80-\udcff]", lambda byte: f"%{ord(byte[0]) - 0xDC00:02X}", path)
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            kept = kept[:1] + kept[1:-1]
        elif segment != ".":
            kept.append(segment)
    return "/".join(kept)


def _examples(template: Template) -> Iterator[str]:
    # No route has these values as literals. So a route that matches one of these paths matches all of the template.
    segments = template.segments
    parts = [it if isinstance(it, str) else "-2147483648" if it.is_int else "~" * 9 for it in segments]
    needed = [it for it in segments if isinstance(it, str) or not (it.is_optional or it.is_rest)]
    for length in range(len(needed), len(segments) + 1):
        yield "/" + "/".join(parts[:length])
    yield "/" + "/".join([*parts, *"~" * 9])
