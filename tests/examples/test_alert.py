"""The alert example compiles, and fires for the source that it names when a night has brought nothing."""

import json
import os
import re
import subprocess
from datetime import UTC, datetime

import pytest

from tests.app_host import ROOT
from tests.infra.deployed import bicep
from tests.infra.kql import QUERIES, Trace, answer

FILE = ROOT / "examples/alert/nightly.bicep"
CLI = bicep()
QUERY = "alert_watermark_old"


def watermark(name: str, hours: float) -> Trace:
    facts = {"action": "watermark_age", "source": name, "watermark": name, "seconds": hours * 3600}
    return Trace(datetime(2026, 3, 1, 2, tzinfo=UTC), f"a watermark was moved so long ago {json.dumps(facts)}")


@pytest.mark.skipif(CLI is None, reason="no Bicep CLI here: that the example compiles is checked by the workflow only")
def test_it_compiles_without_a_warning_and_asks_with_the_query_of_infra() -> None:
    alone = {name: os.environ[name] for name in ("HOME", "PATH", "XDG_CACHE_HOME") if name in os.environ}
    command = [str(CLI), "build", "--no-restore", "--stdout", str(FILE)]
    done = subprocess.run(command, env=alone, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    template = json.loads(done.stdout)
    (rule,) = template["resources"]
    (asked,) = rule["properties"]["criteria"]["allOf"]
    (dimension,) = asked["dimensions"]
    assert QUERIES[QUERY] in template["variables"].values()
    assert asked["query"].startswith("[variables(")
    assert (dimension["name"], dimension["values"]) == ("watermark", ["[parameters('source')]"])
    assert (asked["metricMeasureColumn"], asked["operator"]) == ("hours", "GreaterThan")


def test_it_fires_for_its_source_alone_and_only_after_a_night() -> None:
    text = FILE.read_text()
    (limit,) = re.findall(r"param hours int = (\d+)", text)
    assert re.findall(r"loadTextContent\('../../infra/queries/(\w+).kql'\)", text) == [QUERY]
    records = [watermark("orders", 25.9), watermark("late", 26.1)]
    over = [each["watermark"] for each in answer(QUERY, records) if each["hours"] > int(limit)]
    assert over == ["late"]
