"""What devhost says of route templates, beyond the requests that the transcripts of the real host show."""

from types import SimpleNamespace
from typing import Any

import pytest

from local.devhost.app.loader import LoadedFunction
from local.devhost.errors import HostStartError
from local.devhost.http.routes import RouteTable, unreachable


def function(name: str, template: str, methods: list[str] | None = None) -> LoadedFunction:
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


def test_a_number_of_thousands_of_digits_is_no_int() -> None:
    assert RouteTable([function("number", "runs/{id:int}")], "api").match("GET", f"/api/runs/{'9' * 5000}") is None


def test_a_function_that_no_request_reaches_is_named_with_those_that_answer() -> None:
    functions = [
        function("a_command", "runs/{id}/{command}", ["POST"]),
        function("z_redrive", "runs/{id}/redrive", ["POST", "PUT"]),
        function("b_number", "num/{id:int}"),
        function("c_number", "num/{id:int}/{part?}"),
        function("d_any", "num/{id}"),
        function("e_rest", "files/{*rest}"),
        function("f_file", "files/{name?}"),
        function("g_two", "opt/{x}/{y?}"),
        function("h_one", "opt/{x?}"),
        function("i_any", "ten/{x}"),
        function("j_rest", "ten/{*rest}"),
        function("k_number", "ten/{x:int}"),
    ]
    expected = (
        ("function f_file is never called for ANY api/files/{name?}: ", "e_rest answers first"),
        ("function k_number is never called for ANY api/ten/{x:int}: ", "i_any answers first"),
        ("function z_redrive is never called for POST api/runs/{id}/redrive: ", "a_command answers first"),
    )
    for line, (begin, end) in zip(unreachable(functions), expected, strict=True):
        assert (line.startswith(begin), line.endswith(end)) == (True, True), line


def test_optional_parts_and_methods_keep_a_function_in_reach() -> None:
    functions = [
        function("a", "runs/{id}", ["GET"]),
        function("b", "runs/{id?}", ["GET"]),
        function("c", "runs/{id}", ["POST"]),
        function("d", "{*rest}"),
    ]
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
    functions = [function("a_odd", template), function("b_plain", "num/{id}")]
    (line,) = unreachable(functions)
    assert line.startswith("The 'a_odd' function is in error: devhost does not serve ")
    found = RouteTable(functions, "api").match("GET", "/api/num/5")
    assert found is not None
    assert found[0].function.name == "b_plain"


@pytest.mark.parametrize("template", ["runs/{id:int:odd(3)?}", "/runs", "runs/{id", "runs/{}", "{*r}/x", "{a}{b}"])
def test_a_template_that_would_stop_the_host_is_refused(template: str) -> None:
    with pytest.raises(HostStartError, match="function page, route 'api/"):
        RouteTable([function("page", template)], "api")
