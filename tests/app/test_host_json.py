"""host.json has sensible settings, and docs/operations.md has a reason for each."""

import json
from collections.abc import Iterator
from typing import Any

from local.demo.stack import ROOT, TASK_HUB

HOST: dict[str, Any] = json.loads((ROOT / "host.json").read_text())
DURABLE = HOST["extensions"]["durableTask"]


def leaves(part: Any, name: str = "") -> Iterator[str]:
    if not isinstance(part, dict):
        yield name
        return
    for key, value in part.items():
        yield from leaves(value, key)


def test_every_setting_has_its_reason_in_the_manual() -> None:
    manual = (ROOT / "docs/operations.md").read_text().partition("\n## host.json\n")[2]
    settings = set(leaves(HOST["logging"])) | set(leaves({k: v for k, v in DURABLE.items() if k != "tracing"}))
    missing = [
        name for name in (settings | {"functionTimeout", "tracing"}) - {"isEnabled", "default"} if name not in manual
    ]
    assert missing == []


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
