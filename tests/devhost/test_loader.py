"""Loading an app's folder, and the errors that prevent the start, beyond those that tests/real_host compares."""

import importlib
import sys
from pathlib import Path

import pytest

from local.devhost.app.loader import load_app
from local.devhost.errors import AppLoadError
from tests.devhost.app_folder import SAMPLE, write_app

APP = "app = func.FunctionApp()\n"
ACTIVITY = "@app.activity_trigger(input_name='x')\n"
ROUTE = "@app.route(route='r')\n"


def test_functions_are_indexed_by_trigger_and_durable_name(tmp_path: Path) -> None:
    index = load_app(SAMPLE)
    assert {"fan_out", "approval"} <= set(index.orchestrators)
    assert {function.name for function in index.http} >= {"start", "echo", "binary"}
    assert index.activities["double"].is_async
    assert not index.activities["note_step"].is_async
    assert index.activities["note_step"].input_parameter == "order"
    assert next(function for function in index.http if function.name == "echo").wants_context
    named = APP + "@app.activity_trigger(input_name='x', activity='FetchPage')\ndef act(x): ...\n"
    assert load_app(write_app(tmp_path, named)).activities["fetchpage"].durable_name == "FetchPage"


def test_modules_of_another_app_do_not_leak_into_the_next_one(tmp_path: Path) -> None:
    source = APP + "from shared_name import NAME\n@app.function_name(NAME)\n" + ACTIVITY + "def act(x): ...\n"
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "shared_name.py").write_text(f"NAME = {name!r}\n")
        assert set(load_app(write_app(folder, source)).activities) == {name}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = 1", "defines no FunctionApp"),
        ("one = func.FunctionApp()\ntwo = func.FunctionApp()", "more than one FunctionApp object (one, two)"),
        (APP, "registers no function (the real host starts with 0 functions: every path answers 404)"),
        (APP + "raise RuntimeError('no luck')", "failed at function_app.py:4: RuntimeError: no luck"),
        (APP + "import no_such_module", "No module named 'no_such_module'"),
        (APP + "import sys\nsys.exit(3)", "py:5: SystemExit: 3 (the real host does not come up)"),
        ("app = (", "failed at function_app.py:3: SyntaxError: '(' was never closed"),
        (APP + ACTIVITY + "def act(y): ...", "no binding gives a value to parameter y"),
        (APP + ACTIVITY + "def act(x: list[str]): ...", "annotation list[str] of parameter x is not a plain class"),
        (APP + ACTIVITY + "def act(x: 'Missing'): ...", "cannot resolve an annotation (NameError"),
        (APP + ACTIVITY + "def act(x, context: int): ...", "context must be an azure.functions.Context"),
        (APP + ROUTE + "def page(req: int): ...", "req (httpTrigger) cannot be a int"),
        (APP + ROUTE + "def page(req) -> dict: ...", "return annotation dict does not fit a http output"),
        (
            APP + ROUTE + "@app.durable_client_input(client_name='client')\ndef page(req, client): ...",
            "must be written with async def (the real host answers 500 to each call)",
        ),
        (
            APP + "@app.orchestration_trigger(context_name='ctx')\ndef orch(ctx): yield",
            "context_name must be 'context', not 'ctx'",
        ),
        (
            APP + ACTIVITY + "def act(x): ...\n" + ACTIVITY + "def ACT(x): ...",
            "function name 'ACT' is used twice, in different case (the real host does not start: every path",
        ),
    ],
)
def test_what_the_real_host_refuses_stops_the_start_with_one_line(tmp_path: Path, source: str, said: str) -> None:
    with pytest.raises(AppLoadError) as caught:
        load_app(write_app(tmp_path, source))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_app_that_is_loaded_again_gets_the_modules_that_are_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a package that was loaded before."""
    (tmp_path / "shelf").mkdir()
    for name in ("__init__", "book"):
        (tmp_path / "shelf" / f"{name}.py").touch()
    write_app(tmp_path, "from shelf import book\n" + APP + ROUTE + "def page(req): ...")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("shelf")
    for _ in range(2):
        load_app(tmp_path)
        assert sys.modules["function_app"].book is sys.modules["shelf.book"]
    del sys.modules["shelf"]


def test_a_folder_without_a_script_is_named(tmp_path: Path) -> None:
    with pytest.raises(AppLoadError, match=r"no function_app\.py in"):
        load_app(tmp_path)


def test_a_function_that_takes_the_text_of_a_client_may_be_sync(tmp_path: Path) -> None:
    binding = "@app.generic_input_binding(arg_name='client', type='durableClient')\n"
    index = load_app(write_app(tmp_path, APP + ROUTE + binding + "def page(req, client: str): ..."))
    assert [function.is_async for function in index.http] == [False]


@pytest.mark.parametrize(
    ("source", "name", "reason"),
    [
        (ACTIVITY + "def off(x): ...", "off", "AzureWebJobs.off.Disabled disables it"),
        (ACTIVITY + "def out(x): ...", "out", "AzureWebJobs_out_Disabled disables it"),
        ("@app.function_name('host')\n" + ACTIVITY + "def act(x): ...", "host", "'host' is not a valid function name"),
        (
            "@app.queue_output(arg_name='o', queue_name='q', connection='c')\n"
            + ACTIVITY
            + "def act(x, o: func.Out[str]): ...",
            "act",
            "devhost does not support queue",
        ),
        (
            "@app.route(route='r', binding_arg_name='res')\ndef page(req, res: func.Out[func.HttpResponse]): ...",
            "page",
            "devhost supports only the HTTP output",
        ),
    ],
)
def test_a_function_that_cannot_be_served_is_set_aside_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, name: str, reason: str
) -> None:
    for setting in ("AzureWebJobs.off.Disabled", "AzureWebJobs_out_Disabled"):
        monkeypatch.setenv(setting, "true")
    index = load_app(write_app(tmp_path, f"{APP}{source}\n{ACTIVITY}def other(x): ..."))
    assert index.unserved == ((name, reason),)
    assert set(index.activities) == {"other"}
