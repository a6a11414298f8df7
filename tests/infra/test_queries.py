"""Microsoft's language service accepts all queries; workbook, alerts and docs use only these, with documented facts."""

import json
import re
from copy import deepcopy
from typing import Any

import pytest

from local.demo.stack import ROOT
from tests.infra.deployed import Deployed, Json, read
from tests.infra.kql import QUERIES, problems

MONITORING = (ROOT / "docs/monitoring.md").read_text("utf-8")
FACTS = r'extract(@"\{.*\}$", 0, message)'


@pytest.fixture(scope="module")
def answer() -> dict[str, list[str]]:
    """The errors that the language service finds in each query, and in some with a deliberate mistake."""
    return problems(QUERIES | {f"planted {name}": text for name, text in PLANTED.items()})


PLANTED = {
    "column": "traces | where mesage has 'run_ended'",
    "table": "trace | count",
    "function": "traces | extend facts = parse_jason(message)",
    "column after project": "traces | project timestamp | where severityLevel > 1",
    "syntax": "traces | where (timestamp > ago(1h)",
    "column of metrics": "AzureMetrics | where ApiName == 'PutMessage'",
}


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_is_bound_without_a_diagnostic(name: str, answer: dict[str, list[str]]) -> None:
    assert answer[name] == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_named(name: str, answer: dict[str, list[str]]) -> None:
    assert answer[f"planted {name}"] != []


def test_a_query_begins_with_what_it_shows() -> None:
    assert [name for name, text in QUERIES.items() if not re.match(r"// [A-Z].*\.\n", text)] == []


def test_all_queries_read_the_facts_in_the_same_way() -> None:
    assert [name for name, text in QUERIES.items() if "traces" in text and FACTS not in text] == []


@pytest.mark.parametrize("name", [name for name, text in QUERIES.items() if "facts.action" in text])
def test_a_query_asks_for_facts_that_the_manual_promises(name: str) -> None:
    """The language service does not know the content of a JSON text; the table of log records does."""
    text = QUERIES[name]
    actions = {each for each in re.findall(r'"([a-z]+_[a-z_]+)"', text) if f"| `{each}`" in MONITORING}
    named = re.findall(r'action\)? (?:==|in) \(?((?:"\w+"(?:, )?)+)', text)
    assert set(re.findall(r'"(\w+)"', "".join(named))) <= actions, "an action that is not in the table"
    rows = [
        row for row in MONITORING.splitlines() if any(f"`{action}`" in row.partition(" | ")[0] for action in actions)
    ]
    promised = {"action", "run_id", *re.findall(r"`(\w+)`", " ".join(rows or [MONITORING]))}
    assert set(re.findall(r"facts\.(\w+)", text)) - promised == set()


def queries_of(workbook: Json) -> list[str]:
    """Return the name or text of each query of a workbook, in tables, charts and parameters."""
    found = []
    for item in workbook["items"]:
        parts = [item["content"], *item["content"].get("parameters", [])]
        found += [part["query"] for part in parts if "query" in part]
    return found


def check_workbook(deployed: Deployed) -> None:
    """Check that a workbook has only queries of infra/queries."""
    workbook = json.loads(deployed.properties("Insights/workbooks")["serializedData"])
    asked = queries_of(workbook)
    assert set(asked) <= set(QUERIES.values())
    assert len(asked) == json.dumps(workbook).count('"query":')
    views = {name for name in QUERIES if not name.startswith("alert_")}
    assert {text for name, text in QUERIES.items() if name in views} == set(asked)
    on = {each["content"]["query"]: each["content"]["crossComponentResources"] for each in workbook["items"][2:]}
    for text, resources in on.items():
        kind = "OperationalInsights/workspaces" if "AzureMetrics" in text else "Insights/components"
        assert resources == [deployed.one(kind)["id"]]


def test_workbook_has_only_queries_that_lie_in_the_folder() -> None:
    assert set(queries_of(read("workbook.json"))) <= set(QUERIES)
    check_workbook(Deployed(read("main.snapshot.json")))


@pytest.mark.parametrize("broken", ["a query of its own", "a query is gone", "the wrong resource"])
def test_another_workbook_is_noticed(broken: str) -> None:
    copy = Deployed(deepcopy(read("main.snapshot.json")))
    properties = copy.properties("Insights/workbooks")
    workbook: Any = json.loads(properties["serializedData"])
    item = workbook["items"][3]
    if broken == "a query of its own":
        item["content"]["query"] = "traces | count"
    elif broken == "a query is gone":
        workbook["items"].remove(item)
    else:
        item["content"]["crossComponentResources"] = ["/elsewhere"]
    properties["serializedData"] = json.dumps(workbook)
    with pytest.raises(AssertionError):
        check_workbook(copy)


def test_saved_queries_are_those_of_the_workbook() -> None:
    deployed = Deployed(read("main.snapshot.json"))
    saved = {
        each["properties"]["displayName"].removeprefix("Sluice: "): each["properties"]["body"]
        for each in deployed.of("OperationalInsights/queryPacks/queries")
    }
    assert saved == {name: text for name, text in QUERIES.items() if not name.startswith("alert_")}


def test_manual_shows_queries_as_they_are() -> None:
    shown = re.findall(r"```kusto\n(.*?)```", MONITORING, re.DOTALL)
    assert shown != []
    for query in shown:
        assert query in QUERIES.values(), query


def test_manual_names_every_query() -> None:
    assert [name for name in QUERIES if f"`{name}`" not in MONITORING] == []
