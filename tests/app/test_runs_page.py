"""docs/runs.md, docs/http.md and the glossary contain every state, every route and its answers."""

import re
import typing
from pathlib import Path

import pytest

import function_app
from clients.openapi import Operation, operations
from clients.start_request import FIELDS
from ingestion.run import run_report
from ingestion.run.run_state import OUTCOMES

PAGE = (Path(__file__).parents[2] / "docs" / "runs.md").read_text(encoding="utf-8")
HTTP = (Path(__file__).parents[2] / "docs" / "http.md").read_text(encoding="utf-8")
GLOSSARY = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text(encoding="utf-8")
PHASES = {"running", "waiting", "paused", "held", "ending"}


def test_every_status_is_in_the_diagram_and_in_the_table() -> None:
    given = {status for status, _ in run_report.GIVEN.values()}
    statuses = {*OUTCOMES} | PHASES | given | set(run_report.STATUS.values()) | {"lost"}
    diagram = PAGE.partition("```mermaid")[2].partition("```")[0]
    drawn = set(re.findall(r"\b[a-z_]+\b(?= -->)|(?<=--> )[a-z_]+\b", diagram))
    listed = set(
        re.findall(r"^\| `([a-z_]+)` \|", PAGE.partition("## States")[2].partition("## The identity")[0], re.M)
    )
    assert drawn == statuses
    assert listed == statuses
    outcomes, others = (re.findall(r"^\| `([a-z_]+)` \|", part, re.M) for part in GLOSSARY.split("## Statuses"))
    assert (tuple(outcomes), {*outcomes, *others}) == (OUTCOMES, statuses)


def test_every_route_is_in_the_table() -> None:
    for module in function_app.CLIENTS:
        for function in module.blueprint._function_builders:
            trigger = typing.cast(typing.Any, function._function.get_trigger())
            assert f"| `{trigger.methods[0].name} /api/{trigger.route}` |" in HTTP


@pytest.mark.parametrize("operation", list(operations()), ids=lambda operation: operation.function)
def test_the_table_gives_every_answer_of_a_route(operation: Operation) -> None:
    rows = dict(re.findall(r"^\| `([A-Z]+ /api/[^`]*)` \|.*\| ([^|]*) \|$", HTTP, re.M))
    cell = rows[f"{operation.method} /api/{operation.route}"]
    if same := re.fullmatch(r"as `([A-Z]+)`", cell):
        cell = rows[f"{same[1]} /api/{operation.route}"]
    assert {int(code) for code in re.findall(r"\b\d{3}\b", cell)} == {*operation.answers, *operation.refused}


def test_every_field_of_a_start_is_in_the_table() -> None:
    cells = re.findall(r"^\| (`[^|]*) \|", HTTP, re.M)
    assert {*FIELDS} <= {name for cell in cells for name in re.findall("`([^`]*)`", cell)}
