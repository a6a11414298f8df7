"""The golden envelopes that Application Insights got from the real host, and what the docs say about them."""

import json
import re
from pathlib import Path
from typing import Any

from local.demo.stack import ROOT

ENVELOPES: list[Any] = json.loads((Path(__file__).parent / "data" / "telemetry.json").read_text())
DATA = [envelope["data"]["baseData"] for envelope in ENVELOPES if envelope["name"] == "AppTraces"]
MINE = [data for data in DATA if '{"action": ' in data["message"]]
MONITORING = (ROOT / "docs" / "monitoring.md").read_text()


def test_the_queries_of_the_manual_find_the_facts_in_the_text_of_each_record() -> None:
    (pattern,) = set(re.findall(r'extract\(@"(.+?)", 0, message\)', MONITORING))
    assert len(MINE) >= 5
    for data in MINE:
        found = re.search(pattern, data["message"])
        assert found is not None, data["message"]
        facts = json.loads(found[0])
        assert f"| `{facts['action']}` |" in MONITORING
        assert facts["run_id"]


def test_the_facts_are_in_the_text_alone_since_the_host_drops_the_fields_of_a_record() -> None:
    assert not [name for data in MINE for name in data["properties"] if name in ("action", "run_id", "prop__action")]


def test_records_of_the_app_have_a_category_that_host_json_lets_through() -> None:
    levels = json.loads((ROOT / "host.json").read_text())["logging"]["logLevel"]
    for data in MINE:
        category = data["properties"]["Category"]
        assert re.fullmatch(r"Function\.\w+\.User", category)
        nearest = max((name for name in levels if category.startswith(name)), key=len, default="default")
        assert levels[nearest] == "Information", f"{nearest} cuts {category}"
