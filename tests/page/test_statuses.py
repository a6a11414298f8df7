"""The page knows the same statuses as the app."""

import re

from ingestion.run.run_report import LISTED, STATUSES
from local.demo.stack import ROOT

SCRIPT = (ROOT / "page" / "page.js").read_text(encoding="utf-8")


def test_the_filter_of_the_list_offers_exactly_the_statuses_that_the_list_can_have() -> None:
    states = re.search(r"const STATES = {(.*?)^};", SCRIPT, re.DOTALL | re.MULTILINE)
    unlisted = re.search(r"const UNLISTED = \[(.*?)\];", SCRIPT)
    assert states is not None
    assert unlisted is not None
    assert {*re.findall(r"(\w+): \[", states[1])} == STATUSES
    assert {*re.findall(r'"(\w+)"', unlisted[1])} == STATUSES - LISTED
