"""What an app's folder turns into, and what stops the start."""

from pathlib import Path

import pytest

from local.devhost.app.loader import load_app
from local.devhost.errors import AppLoadError
from tests.devhost.app_folder import SAMPLE, write_app

APP = "app = func.FunctionApp()\n"


def test_functions_are_indexed_by_trigger_and_durable_name() -> None:
    index = load_app(SAMPLE)
    orchestrators = {"fan_out", "approval", "slow_chain", "retried", "fragile", "held", "endless", "greet"}
    assert set(index.orchestrators) == orchestrators
    assert set(index.activities) == {"double", "note_step", "fail_until", "hold_on"}
    assert {function.name for function in index.http} >= {"start", "status", "echo", "binary"}
    assert index.unserved == (("from_queue", "devhost knows no queueTrigger"),)
    assert index.activities["double"].is_async
    assert not index.activities["note_step"].is_async
    assert index.activities["note_step"].input_parameter == "order"
    assert next(function for function in index.http if function.name == "echo").wants_context


def test_an_app_can_be_loaded_again_in_the_same_process() -> None:
    assert load_app(SAMPLE).orchestrators.keys() == load_app(SAMPLE).orchestrators.keys()


def test_modules_of_another_app_do_not_leak_into_the_next_one(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "shared_name.py").write_text(f"import azure.functions as func\nNAME = {name!r}\n")
        write_app(
            folder,
            APP + "from shared_name import NAME\n@app.function_name(NAME)\n@app.activity_trigger(input_name='x')\n"
            "def act(x): ...\n",
        )
        assert set(load_app(folder).activities) == {name}


def test_durable_names_come_from_the_trigger_and_ignore_case(tmp_path: Path) -> None:
    source = APP + "@app.activity_trigger(input_name='x', activity='FetchPage')\ndef act(x): ...\n"
    index = load_app(write_app(tmp_path, source))
    assert index.activities["fetchpage"].durable_name == "FetchPage"


ACTIVITY = "@app.activity_trigger(input_name='x')\n"
ROUTE = "@app.route(route='r')\n"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = 1", "defines no FunctionApp"),
        ("one = func.FunctionApp()\ntwo = func.FunctionApp()", "more than one FunctionApp object (one, two)"),
        (APP, "registers no function (the real host starts with 0 functions: every path answers 404)"),
        (APP + "raise RuntimeError('no luck')", "failed at function_app.py:4: RuntimeError: no luck"),
        (APP + "import no_such_module", "No module named 'no_such_module'"),
        (
            APP + "import sys\nsys.exit(3)",
            "py:5: SystemExit: 3 (the real host does not come up)",
        ),
        ("app = (", "failed at function_app.py:3: SyntaxError: '(' was never closed"),
        (APP + ACTIVITY + "def act(y): ...", "no binding gives a value to parameter y"),
        (APP + ACTIVITY + "def act(x, y): ...", "no binding gives a value to parameter y"),
        (APP + ACTIVITY + "def act(x: list[str]): ...", "annotation list[str] of parameter x is no plain class"),
        (APP + ACTIVITY + "def act(x: dict | None): ...", "is no plain class"),
        (APP + ACTIVITY + "def act(x: 'Missing'): ...", "an annotation cannot be resolved (NameError"),
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
            "function name 'ACT' is used twice but for its case (the real host does not start: every path answers 503)",
        ),
    ],
)
def test_what_the_real_host_refuses_stops_the_start_with_one_line(tmp_path: Path, source: str, said: str) -> None:
    with pytest.raises(AppLoadError) as caught:
        load_app(write_app(tmp_path, source))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_of_two_durable_names_that_differ_in_case_the_one_registered_later_runs(tmp_path: Path) -> None:
    source = "@app.activity_trigger(input_name='x', activity='{}')\ndef {}(x): ...\n"
    index = load_app(write_app(tmp_path, APP + source.format("same", "first") + source.format("Same", "second")))
    assert [function.name for function in index.activities.values()] == ["second"]


@pytest.mark.parametrize("name", ["with space", "1st", "host", "Host", "x" * 129])
def test_a_function_whose_name_the_host_refuses_is_set_aside(tmp_path: Path, name: str) -> None:
    source = f"{APP}@app.function_name({name!r})\n{ACTIVITY}def act(x): ...\n{ACTIVITY}def other(x): ..."
    index = load_app(write_app(tmp_path, source))
    assert index.unserved == ((name, f"{name!r} is not a valid function name"),)
    assert set(index.activities) == {"other"}


def test_a_function_that_takes_the_text_of_a_client_may_be_sync(tmp_path: Path) -> None:
    binding = "@app.generic_input_binding(arg_name='client', type='durableClient')\n"
    index = load_app(write_app(tmp_path, APP + ROUTE + binding + "def page(req, client: str): ..."))
    assert [function.is_async for function in index.http] == [False]


def test_a_folder_without_a_script_is_named(tmp_path: Path) -> None:
    with pytest.raises(AppLoadError, match=r"no function_app\.py in"):
        load_app(tmp_path)


def test_a_function_with_a_binding_nobody_serves_is_set_aside(tmp_path: Path) -> None:
    output = "@app.queue_output(arg_name='out', queue_name='q', connection='c')\n"
    source = APP + output + ACTIVITY + "def act(x, out: func.Out[str]): ...\n" + ACTIVITY + "def other(x): ..."
    index = load_app(write_app(tmp_path, source))
    assert index.unserved == (("act", "devhost knows no queue"),)
    assert set(index.activities) == {"other"}


def test_an_http_function_that_answers_through_an_output_is_set_aside(tmp_path: Path) -> None:
    source = APP + "@app.route(route='r', binding_arg_name='res')\ndef page(req, res: func.Out[func.HttpResponse]): ..."
    index = load_app(write_app(tmp_path, source))
    assert index.unserved == (("page", "devhost knows no output but what HTTP returns"),)


@pytest.mark.parametrize("setting", ["AzureWebJobs.act.Disabled", "AzureWebJobs_act_Disabled"])
def test_a_disabled_function_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setenv(setting, "true")
    index = load_app(write_app(tmp_path, APP + ACTIVITY + "def act(x): ...\n" + ACTIVITY + "def other(x): ..."))
    assert index.unserved == (("act", f"{setting} says so"),)
    assert set(index.activities) == {"other"}
