"""Route templates match as on the real host."""

from types import SimpleNamespace
from typing import Any

import pytest

from devhost.errors import AppLoadError
from devhost.loader import LoadedFunction
from devhost.routes import RouteTable


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
        ("runs/{id=none}", "/api/runs", {"id": "none"}),
        ("files/{*path}", "/api/files/a/b.txt", {"path": "a/b.txt"}),
        ("files/{*path}", "/api/files", {}),
        ("files/{name}.{ext}", "/api/files/a.txt", {"name": "a", "ext": "txt"}),
        ("runs/{id:int}", "/api/runs/12", {"id": "12"}),
        ("runs/{id:int}", "/api/runs/x", None),
        ("runs/{id:int}", "/api/runs/99999999999", None),
        ("runs/{id:int}", f"/api/runs/{'9' * 5000}", None),
        ("runs/{id:long}", "/api/runs/99999999999", {"id": "99999999999"}),
        ("runs/{id:int:min(5)}", "/api/runs/4", None),
        ("runs/{id:int:min(5)}", "/api/runs/5", {"id": "5"}),
        ("runs/{id:int?}", "/api/runs", {}),
        ("runs/{id:int=3}", "/api/runs", {"id": "3"}),
        (
            "runs/{id:guid}",
            "/api/runs/0f8fad5b-d9cb-469f-a165-70867728950e",
            {"id": "0f8fad5b-d9cb-469f-a165-70867728950e"},
        ),
        ("runs/{id:guid}", "/api/runs/1", None),
        ("runs/{id:bool}", "/api/runs/TRUE", {"id": "TRUE"}),
        ("runs/{id:alpha}", "/api/runs/a1", None),
        ("runs/{id:length(2,3)}", "/api/runs/abc", {"id": "abc"}),
        ("runs/{id:length(2)}", "/api/runs/abc", None),
        ("runs/{id:maxlength(2)}", "/api/runs/abc", None),
        ("runs/{id:range(1,9)}", "/api/runs/10", None),
        ("runs/{id:datetime}", "/api/runs/2026-01-01", {"id": "2026-01-01"}),
        ("runs/{id:decimal}", "/api/runs/1.5", {"id": "1.5"}),
        (r"runs/{id:regex(^\d{{3}}$)}", "/api/runs/123", {"id": "123"}),
        (r"runs/{id:regex(^\d{{3}}$)}", "/api/runs/1234", None),
    ],
)
def test_a_template_matches_what_it_says(template: str | None, path: str, values: dict[str, str] | None) -> None:
    found = RouteTable([function(template)], "api").match("GET", path)
    assert (None if found is None else found[1]) == values


def test_a_wrong_method_is_no_match_and_head_is_not_implied_by_get() -> None:
    table = RouteTable([function("runs", ["GET"])], "api")
    assert table.match("GET", "/api/runs") is not None
    assert table.match("POST", "/api/runs") is None
    assert table.match("HEAD", "/api/runs") is None


def test_the_most_specific_route_wins_whatever_the_order() -> None:
    names = {"{*all}": "rest", "runs/{id}": "free", "runs/{id:int}": "whole", "runs/all": "literal"}
    table = RouteTable([function(template, name=name) for template, name in names.items()], "")
    paths = {"/runs/all": "literal", "/runs/1": "whole", "/runs/x": "free", "/other/x/y": "rest", "/": "rest"}
    for path, name in paths.items():
        found = table.match("GET", path)
        assert found is not None
        assert found[0].name == name


@pytest.mark.parametrize("template", ["runs/{id:odd}", "runs/{id:min(x)}", "runs//x", "runs/{id", "runs/{}"])
def test_a_template_that_cannot_be_read_is_refused(template: str) -> None:
    with pytest.raises(AppLoadError, match="route"):
        RouteTable([function(template)], "api")
