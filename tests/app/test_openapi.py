"""docs/openapi.json describes exactly the routes of the app, and a linter accepts it."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import function_app
from clients import shapes
from clients.openapi import document, operations
from ingestion.run.run_report import STATUSES
from ingestion.run.run_state import OUTCOMES
from local.node import node
from local.openapi import FILE, text

ROOT = Path(__file__).parents[2]
LINTER = ROOT / "tests" / "node_modules" / "@redocly" / "cli" / "bin" / "cli.js"


def routes_of_the_app() -> dict[tuple[str, str], str]:
    """Return the function of each method and route."""
    builders: list[Any] = [
        builder for module in function_app.CLIENTS for builder in module.blueprint._function_builders
    ]
    functions = [builder._function for builder in builders]
    return {
        (method.name, f"/{it.get_trigger().route}"): it.get_function_name()
        for it in functions
        for method in it.get_trigger().methods
    }


def test_the_document_has_every_route_of_the_app_and_no_other() -> None:
    described = {
        (method.upper(), path): operation["operationId"]
        for path, found in document()["paths"].items()
        for method, operation in found.items()
    }
    assert described == routes_of_the_app()


def test_the_file_is_what_the_models_make() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run python -m local.openapi"


def test_the_linter_has_nothing_to_say() -> None:
    assert LINTER.exists(), "make test installs the linter"
    of_the_page = "operation-4xx-response"  # it has no error of its own
    command = [str(node()), str(LINTER), "lint", "--skip-rule", of_the_page, str(FILE)]
    environment = {**os.environ, "REDOCLY_TELEMETRY": "off", "NO_COLOR": "1"}
    found = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "warning" not in found.stdout + found.stderr, found.stdout + found.stderr


def test_every_parameter_in_a_path_is_described_and_required() -> None:
    for path, found in document()["paths"].items():
        for operation in found.values():
            named = {one["name"] for one in operation["parameters"] if one["in"] == "path" and one["required"]}
            assert named == {*re.findall(r"{(\w+)}", path)}


def test_the_statuses_are_complete() -> None:
    outcomes, others = get_args(shapes.Status)[0], get_args(shapes.Status)[1]
    assert get_args(outcomes) == OUTCOMES
    assert {*get_args(outcomes), *get_args(others)} == STATUSES


def test_a_function_that_reads_has_a_name_that_says_so_and_changes_nothing() -> None:
    for one in operations():
        assert one.function.startswith("get_") == (one.method == "GET"), one.function


def test_every_object_of_an_answer_says_whether_more_may_be_in_it() -> None:
    schemas = document()["components"]["schemas"]
    open_ones = {name for name, schema in schemas.items() if schema.get("additionalProperties") is not False}
    assert open_ones == {"DurableUrls", "Carried"}


def test_the_app_starts_without_making_the_document() -> None:
    loaded = "import sys, function_app; print({'clients.openapi', 'clients.shapes'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.stdout == "set()\n", done.stderr
