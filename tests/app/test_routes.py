"""Every route of the app is reached on a host that takes the first one, by function name, that fits.

The real host maps functions in the order of their names, without case and by code unit, and the first whose path and
method fit answers: neither specificity nor the order of registration counts (seen on 4.1037, 2026-11-25).
"""

import itertools
from dataclasses import dataclass
from typing import Any

import function_app

ALL_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Route:
    """One HTTP function: its name, its template by segments, its methods."""

    name: str
    segments: tuple[str, ...]
    methods: frozenset[str]


def route_of(name: str, template: str, methods: Any = None) -> Route:
    names = frozenset(str(getattr(method, "value", method)).upper() for method in methods or ())
    return Route(name, tuple(template.lower().strip("/").split("/")), names or ALL_METHODS)


def routes_of_the_app() -> list[Route]:
    functions = [(builder._function, builder._function.get_trigger()) for builder in builders()]
    triggers = [(it.get_function_name(), trigger) for it, trigger in functions if trigger.type == "httpTrigger"]
    return [route_of(name, trigger.route or name, trigger.methods) for name, trigger in triggers]


def builders() -> list[Any]:
    return list(function_app.app._function_builders)


def share_a_path(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether some path fits both templates; a parameter is taken to fit anything, whatever its constraint."""
    for mine, others in ((one, other), (other, one)):
        if mine and mine[0].startswith("{*"):
            return True
        if mine and mine[0].endswith("?}"):
            return share_a_path(mine[1:], others) or share_a_path((mine[0].replace("?}", "}"), *mine[1:]), others)
    if not one or not other:
        return one == other
    fits = one[0] == other[0] or "{" in one[0] or "{" in other[0]
    return fits and share_a_path(one[1:], other[1:])


def overlap(one: Route, other: Route) -> bool:
    return bool(one.methods & other.methods) and share_a_path(one.segments, other.segments)


def answering(routes: list[Route], method: str, path: tuple[str, ...]) -> str | None:
    """The function that answers on the real host."""
    in_order = sorted(routes, key=lambda route: route.name.upper())
    return next((it.name for it in in_order if method in it.methods and share_a_path(it.segments, path)), None)


def unreachable(routes: list[Route]) -> list[str]:
    """What of which route another function answers."""
    asked = [
        (route, method, tuple("x1" if "{" in segment else segment for segment in route.segments))
        for route in routes
        for method in sorted(route.methods)
    ]
    return [f"{method} {it.name}" for it, method, path in asked if answering(routes, method, path) != it.name]


def test_no_two_routes_of_the_app_overlap_so_that_no_order_of_them_matters() -> None:
    routes = routes_of_the_app()
    assert len(routes) >= 7
    overlapping = [(a.name, b.name) for a, b in itertools.combinations(routes, 2) if overlap(a, b)]
    assert overlapping == []


def test_every_function_of_the_app_is_reached_in_the_order_of_the_host() -> None:
    assert unreachable(routes_of_the_app()) == []


def test_the_two_tests_above_see_a_route_that_another_takes() -> None:
    taken = route_of("redrive_run", "runs/{run_id}/redrive", ["POST"])
    for takes in (
        route_of("control_run", "runs/{run_id}/{verb}", ["POST"]),
        route_of("a", "runs/{*rest}"),
        route_of("a", "RUNS/{run_id}/{verb:alpha}/{more?}", ["post"]),
    ):
        assert overlap(taken, takes)
        assert overlap(takes, taken)
        assert unreachable([taken, takes]) == ["POST redrive_run"]
    beside = route_of("a", "runs/{run_id}/redrive/{part}", ["POST"])
    assert not overlap(taken, beside)
    assert not overlap(taken, route_of("a", "runs/{run_id}/redrive", ["GET"]))
    assert unreachable([taken, beside]) == []
