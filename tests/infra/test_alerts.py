"""Each alert rule has its query, a large enough time range and its recipients; the test notices a broken copy."""

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.infra.deployed import Deployed, Json, read
from tests.infra.kql import QUERIES

KIND = "Insights/scheduledQueryRules"

# What an alert watches: severity, window, the column it is split by, the column that is compared, and with what.
RULES: dict[str, tuple[int, str, str | None, str | None, str, int]] = {
    "run-failed": (1, "PT15M", "run_id", None, "GreaterThan", 0),
    "completed-with-rejects": (2, "PT15M", "run_id", None, "GreaterThan", 0),
    "run-empty": (3, "PT15M", "source", None, "GreaterThan", 0),
    "run-held": (2, "PT30M", "run_id", None, "GreaterThan", 0),
    "run-stands-still": (1, "PT15M", "run_id", None, "GreaterThan", 0),
    "rejected-share": (2, "PT30M", "run_id", "percent", "GreaterThan", 1),
    "throttled": (3, "PT30M", "run_id", "throttled_seconds", "GreaterThan", 600),
    "poison-queue": (2, "PT15M", "queue", "poison_depth", "GreaterThan", 0),
    "queue-depth": (2, "PT15M", "queue", "depth", "GreaterThan", 1_000_000),
    "watermark-old": (2, "PT15M", "watermark", "hours", "GreaterThan", 48),
    "schedule-missed": (1, "PT15M", "source", None, "GreaterThan", 0),
    "keeper-silent": (1, "PT10M", None, "looks", "LessThan", 1),
}
FREQUENCY = "PT5M"
WINDOWS = {"PT5M", "PT10M", "PT15M", "PT30M", "PT45M", "PT1H"}  # of those that Azure takes


def check_rule(deployed: Deployed, name: str) -> None:
    """Check one alert rule against the table above."""
    severity, window, by, measure, operator, threshold = RULES[name]
    rule = one(deployed, name)
    given = rule["properties"]
    assert (given["severity"], given["windowSize"], given["enabled"]) == (severity, window, True)
    assert given["evaluationFrequency"] == FREQUENCY
    assert window in WINDOWS
    assert minutes(window) >= 2 * minutes(FREQUENCY), "records take some minutes to arrive"
    assert rule["kind"] == "LogAlert"
    assert given["autoMitigate"] is True
    assert given["scopes"] == [deployed.one("Insights/components")["id"]]
    assert given["actions"]["actionGroups"] == [deployed.one("Insights/actionGroups")["id"]]
    (asked,) = given["criteria"]["allOf"]
    assert asked["query"] == QUERIES[f"alert_{name.replace('-', '_')}"]
    assert (asked["operator"], asked["threshold"]) == (operator, threshold)
    assert asked.get("metricMeasureColumn") == measure
    assert asked["timeAggregation"] == ("Count" if measure is None else "Maximum")
    assert [each["name"] for each in asked["dimensions"]] == ([] if by is None else [by])
    assert all((each["operator"], each["values"]) == ("Include", ["*"]) for each in asked["dimensions"])
    assert asked["failingPeriods"] == {"numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1}


def one(deployed: Deployed, name: str) -> Json:
    (found,) = (each for each in deployed.of(KIND) if each["name"].endswith(f"-{name}"))
    return found


def minutes(duration: str) -> int:
    found = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?", duration)
    assert found is not None
    return 60 * int(found[1] or 0) + int(found[2] or 0)


def test_every_rule_is_in_the_table() -> None:
    names = {each["name"].partition("alert-sluice-")[2].partition("-")[2] for each in snapshot().of(KIND)}
    assert names == set(RULES)


def test_every_alert_query_has_a_rule() -> None:
    assert {name for name in QUERIES if name.startswith("alert_")} == {
        f"alert_{name.replace('-', '_')}" for name in RULES
    }


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_as_the_table_says(name: str) -> None:
    check_rule(snapshot(), name)


def asked(part: str, value: Any) -> Callable[[Json], None]:
    def change(rule: Json) -> None:
        rule["properties"]["criteria"]["allOf"][0][part] = value

    return change


def given(part: str, value: Any) -> Callable[[Json], None]:
    return lambda rule: rule["properties"].update({part: value})


BREAKS: dict[str, Callable[[Json], Any]] = {
    "another query": asked("query", "traces | count"),
    "a column that is not the one": asked("metricMeasureColumn", "other"),
    "another operator": asked("operator", "GreaterThanOrEqual"),
    "another threshold": asked("threshold", 17),
    "another aggregation": asked("timeAggregation", "Total"),
    "not split": asked("dimensions", [{"name": "other", "operator": "Include", "values": ["*"]}]),
    "several periods": asked("failingPeriods", {"numberOfEvaluationPeriods": 4, "minFailingPeriodsToAlert": 4}),
    "another severity": given("severity", 4),
    "a window that is too short": given("windowSize", "PT5M"),
    "seldom": given("evaluationFrequency", "PT1H"),
    "switched off": given("enabled", False),
    "without recipients": given("actions", {"actionGroups": []}),
    "somewhere else": given("scopes", ["/elsewhere"]),
    "never ends": given("autoMitigate", False),
    "no log alert": lambda rule: rule.update(kind="LogToMetric"),
    "gone": lambda rule: rule.update(name="gone"),
}


@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.parametrize("name", RULES)
def test_a_broken_rule_is_noticed(name: str, broken: str) -> None:
    copy = Deployed(deepcopy(read("main.snapshot.json")))
    BREAKS[broken](one(copy, name))
    with pytest.raises((AssertionError, ValueError)):
        check_rule(copy, name)


def snapshot() -> Deployed:
    return Deployed(read("main.snapshot.json"))
