"""Route templates match as on the real host."""

from types import SimpleNamespace
from typing import Any

import pytest

from local.devhost.app.loader import LoadedFunction
from local.devhost.errors import HostStartError
from local.devhost.http.routes import RouteTable, decode, unreachable


def function(template: str | None, methods: list[str] | None = None, name: str = "page") -> LoadedFunction:
    trigger: Any = SimpleNamespace(route=template, methods=methods)
    return LoadedFunction(
        name=name,
        durable_name=None,
        user_function=print,
        bindings=(),
        trigger=trigger,
        is_async=False,
        wants_context=False,
        input_parameter="req",
    )


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("runs", "/api/runs", {}),
        ("runs", "/API/Runs/", {}),
        ("runs", "/api/runs/1", None),
        (None, "/api/page", {}),
        ("runs/{id}", "/api/runs/a%20b", {"id": "a b"}),
        ("runs/{id}", "/api/runs/a%2Fb", {"id": "a%2Fb"}),
        ("runs/{id}", "/api/runs", None),
        ("runs/{id?}", "/api/runs", {}),
        ("runs/{id?}", "/api/runs/7", {"id": "7"}),
        ("files/{*path}", "/api/files/a/b.txt", {"path": "a/b.txt"}),
        ("files/{*path}", "/api/files", {}),
        ("runs/{id:int}", "/api/runs/12", {"id": "12"}),
        ("runs/{id:int}", "/api/runs/x", None),
        ("runs/{id:int}", "/api/runs/99999999999", None),
        ("runs/{id:int}", f"/api/runs/{'9' * 5000}", None),
        ("runs/{id:int?}", "/api/runs", {}),
    ],
)
def test_a_template_matches_what_it_says(template: str | None, path: str, values: dict[str, str] | None) -> None:
    found = RouteTable([function(template)], "api").match("GET", decode(path))
    assert (None if found is None else found[1]) == values


def test_a_wrong_method_is_no_match_and_head_is_not_implied_by_get() -> None:
    table = RouteTable([function("runs", ["GET"])], "api")
    assert table.match("GET", "/api/runs") is not None
    assert table.match("POST", "/api/runs") is None
    assert table.match("HEAD", "/api/runs") is None


def answers(functions: list[LoadedFunction], method: str, path: str) -> str | None:
    found = RouteTable(functions, "api").match(method, decode(path))
    return found and found[0].function.name


def test_the_function_whose_name_comes_first_answers_however_special_the_others_are() -> None:
    wish, redrive = function("runs/{id}/{wish}", name="a_wish"), function("runs/{id}/redrive", name="z_redrive")
    assert answers([redrive, wish], "POST", "/api/runs/7/redrive") == "a_wish"
    first = function("runs/{id}/redrive", name="Above")
    assert answers([wish, first], "POST", "/api/runs/7/redrive") == "Above"
    assert answers([function("{*all}", ["GET"], name="a"), wish], "POST", "/api/runs/7/redrive") == "a_wish"


def test_names_are_compared_without_case_and_an_underscore_comes_after_letters() -> None:
    functions = [
        function(f"{{{index}}}", name=name) for index, name in enumerate(["k_a", "kZ", "kb", "KA", "K1", "k-c"])
    ]
    order = [route.function.name for route in RouteTable(functions, "api").routes]
    assert order == ["k-c", "K1", "KA", "kb", "kZ", "k_a"]


def test_a_function_that_no_request_reaches_is_named_with_those_that_answer() -> None:
    functions = [
        function("runs/{id}/{wish}", ["POST"], name="a_wish"),
        function("runs/{id}/redrive", ["POST", "PUT"], name="z_redrive"),
        function("num/{id:int}", name="b_number"),
        function("num/{id:int}/{part?}", name="c_number"),
        function("num/{id}", name="d_any"),
        function("files/{*rest}", name="e_rest"),
        function("files/{name?}", name="f_file"),
        function("opt/{x}/{y?}", name="g_two"),
        function("opt/{x?}", name="h_one"),
        function("ten/{x}", name="i_any"),
        function("ten/{*rest}", name="j_rest"),
        function("ten/{x:int}", name="k_number"),
    ]
    found = unreachable(functions)
    assert len(found) == 3
    assert "function f_file is never called for ANY api/files/{name?}" in found[0]
    assert found[0].endswith("e_rest answers first")
    assert "function k_number" in found[1]
    assert found[1].endswith("i_any answers first")
    assert "function z_redrive is never called for POST " in found[2]
    assert found[2].endswith("a_wish answers first")


def test_optional_parts_and_methods_keep_a_function_in_reach() -> None:
    functions = [
        function("runs/{id}", ["GET"], name="a"),
        function("runs/{id?}", ["GET"], name="b"),
        function("runs/{id}", ["POST"], name="c"),
        function("{*rest}", name="d"),
    ]
    assert unreachable(functions) == []


@pytest.mark.parametrize(
    ("template", "methods", "reason"),
    [
        ("RUNS/{id}/", ["POST", "GET"], "The route specified conflicts with the route defined by function 'b_first'."),
        ("runs/{id}", None, "The route specified conflicts with the route defined by function 'b_first'."),
        ("adminlevel", None, "The specified route conflicts with one or more built in routes."),
        ("runtime/x", None, "The specified route conflicts with one or more built in routes."),
    ],
)
def test_a_route_that_the_host_leaves_out_is_named(template: str, methods: list[str] | None, reason: str) -> None:
    functions = [function(template, methods, name="z_last"), function("runs/{id}", ["GET"], name="b_first")]
    assert unreachable(functions) == [f"The 'z_last' function is in error: {reason}"]
    assert answers(functions, "POST", "/api/runs/1") is None


def test_functions_that_share_a_template_but_no_method_are_both_mapped() -> None:
    functions = [function("runs/{id}", ["GET"], name="a"), function("runs/{id}", ["POST"], name="b")]
    assert unreachable(functions) == []


@pytest.mark.parametrize(
    "template",
    [
        "num/{id:guid}",
        "num/{id:int:min(5)}",
        "num/{id=seven}",
        r"num/{id:regex(^\d{{3}}/$)}",
        "num/a-{x}",
        "num/{name}.{ext?}",
        "num/{{x}}",
    ],
)
def test_a_function_whose_template_only_the_real_host_serves_is_left_out_and_named(template: str) -> None:
    functions = [function(template, name="a_odd"), function("num/{id}", name="b_plain")]
    (line,) = unreachable(functions)
    assert line.startswith(
        "The 'a_odd' function is in error: devhost serves whole segments without constraints but int, and"
    )
    assert answers(functions, "GET", "/api/num/5") == "b_plain"


@pytest.mark.parametrize(
    "template",
    [
        "runs/{id:odd}",
        "runs/{id:int:odd(3)?}",
        "runs//x",
        "/runs",
        "runs/{id",
        "runs/{}",
        "a?b=1",
        "{b}/{B}",
        "{*r}/x",
        "{a}{b}",
    ],
)
def test_a_template_that_would_stop_the_host_is_refused(template: str) -> None:
    with pytest.raises(HostStartError, match="function page, route 'api/"):
        RouteTable([function(template)], "api")


def test_without_a_prefix_a_template_may_begin_with_a_slash() -> None:
    for template, path in (("/runs", "/runs"), ("/", "/"), ("{*rest}", "/")):
        assert RouteTable([function(template)], "").match("GET", path) is not None
