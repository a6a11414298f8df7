"""host.json has sensible settings, and docs/operations.md has the reason and the cost of each."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.demo.stack import ROOT, TASK_HUB

HOST: dict[str, Any] = json.loads((ROOT / "host.json").read_text())
DURABLE = HOST["extensions"]["durableTask"]


MANUAL = (ROOT / "docs/operations.md").read_text(encoding="utf-8").partition("\n## host.json\n")[2]
FILES = ("host.json", "infra/host.dts.json")


def leaves(part: Any, *path: str) -> Iterator[tuple[str, str]]:
    """Yield each setting with its value, as the manual writes both."""
    if isinstance(part, dict):
        for key, value in part.items():
            yield from leaves(value, *path, key)
    else:
        yield ".".join(path), part if isinstance(part, str) else json.dumps(part)


def reasons() -> dict[str, tuple[str, str, str]]:
    """The table of the manual: value, reason and cost of each setting."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in MANUAL.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): (row[1].strip("`"), row[2], row[3]) for row in rows if len(row) == 4}


@pytest.mark.parametrize("file", FILES)
def test_every_setting_has_its_value_its_reason_and_its_cost_in_the_manual(file: str) -> None:
    listed = reasons()
    for name, value in leaves(json.loads((ROOT / file).read_text(encoding="utf-8"))):
        assert name in listed, f"{name} of {file} is not in docs/operations.md"
        assert listed[name][0] == value
        assert all(listed[name][1:]), f"{name} has no reason or no cost"


def test_the_manual_lists_no_setting_that_is_gone() -> None:
    there = {name for file in FILES for name, _ in leaves(json.loads((ROOT / file).read_text(encoding="utf-8")))}
    assert reasons().keys() == there


def test_both_files_differ_in_the_provider_alone() -> None:
    ours, theirs = (json.loads((ROOT / file).read_text(encoding="utf-8")) for file in FILES)
    for each in (ours, theirs):
        del each["extensions"]["durableTask"]["storageProvider"]
    assert ours == theirs


def test_a_host_that_dies_or_is_stopped_gives_its_work_back_within_a_minute() -> None:
    assert DURABLE["useGracefulShutdown"] is True
    assert DURABLE["storageProvider"] == {
        "controlQueueVisibilityTimeout": "00:01:00",
        "workItemQueueVisibilityTimeout": "00:01:00",
    }


def test_the_engines_own_records_are_cut_and_those_of_the_app_are_not() -> None:
    levels = HOST["logging"]["logLevel"]
    assert levels["DurableTask.AzureStorage"] == levels["DurableTask.Core"] == "Warning"
    assert levels["default"] == "Information"
    assert not [name for name in levels if name.startswith("Function")]


def test_hub_has_the_name_that_an_app_setting_gives_it_everywhere() -> None:
    """The scale controller reads host.json, and not the app setting that overrides a value in it."""
    assert DURABLE["hubName"] == "%TASKHUB_NAME%"
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    deployed = (ROOT / "infra/modules/app.bicep").read_text()
    assert sample["TASKHUB_NAME"] == TASK_HUB
    assert "TASKHUB_NAME: taskHub" in deployed
