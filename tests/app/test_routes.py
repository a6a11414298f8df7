"""Every route of the app can be reached, and the order of names does not matter.

The real host tries functions in the order of their names, and the first with a matching path and method answers.
Neither specificity nor the order of registration matters (seen on 4.1037, 2026-11-25). devhost does the same.
"""

import itertools
from types import SimpleNamespace
from typing import Any

import function_app
from local.devhost.http.routes import unreachable

ALL_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"})


def function(name: str, route: str, methods: Any = None) -> Any:
    return SimpleNamespace(name=name, trigger=SimpleNamespace(route=route, methods=methods))


def functions_of_the_app() -> list[Any]:
    functions = [builder._function for builder in builders()]
    triggers = [(it.get_function_name(), it.get_trigger()) for it in functions]
    return [function(name, it.route or name, it.methods) for name, it in triggers if it.type == "httpTrigger"]


def builders() -> list[Any]:
    return list(function_app.app._function_builders)


def share_a_path(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Return whether some path matches both templates; a parameter matches everything, whatever its constraint."""
    for mine, others in ((one, other), (other, one)):
        if mine and mine[0].startswith("{*"):
            return True
        if mine and mine[0].endswith("?}"):
            return share_a_path(mine[1:], others) or share_a_path((mine[0].replace("?}", "}"), *mine[1:]), others)
    if not one or not other:
        return one == other
    fits = one[0] == other[0] or "{" in one[0] or "{" in other[0]
    return fits and share_a_path(one[1:], other[1:])


def overlap(one: Any, other: Any) -> bool:
    return bool(methods_of(one) & methods_of(other)) and share_a_path(segments_of(one), segments_of(other))


def methods_of(of: Any) -> frozenset[str]:
    names = frozenset(str(getattr(method, "value", method)).upper() for method in of.trigger.methods or ())
    return names or ALL_METHODS


def segments_of(of: Any) -> tuple[str, ...]:
    return tuple(of.trigger.route.lower().strip("/").split("/"))


def test_no_two_routes_of_the_app_overlap_so_that_no_order_of_them_matters() -> None:
    functions = functions_of_the_app()
    assert len(functions) >= 7
    overlapping = [(a.name, b.name) for a, b in itertools.combinations(functions, 2) if overlap(a, b)]
    assert overlapping == []


def test_every_function_of_the_app_is_reached_in_the_order_of_the_host() -> None:
    assert unreachable(functions_of_the_app()) == []


def test_the_two_tests_above_see_a_route_that_another_takes() -> None:
    taken = function("redrive_run", "runs/{run_id}/redrive", ["POST"])
    for takes in (
        function("control_run", "runs/{run_id}/{verb}", ["POST"]),
        function("a", "runs/{*rest}"),
        function("a", "RUNS/{run_id}/{verb}/{more?}", ["post"]),
    ):
        assert overlap(taken, takes)
        assert overlap(takes, taken)
        (line,) = unreachable([taken, takes])
        assert line.startswith("function redrive_run is never called for POST")
    beside = function("a", "runs/{run_id}/redrive/{part}", ["POST"])
    assert not overlap(taken, beside)
    assert not overlap(taken, function("a", "runs/{run_id}/redrive", ["GET"]))
    assert unreachable([taken, beside]) == []
