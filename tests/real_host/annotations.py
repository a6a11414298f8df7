"""Which annotations of an activity load, and the activity's input and output."""

import os
import re
from functools import partial
from typing import Any
from unittest.mock import patch

from local.devhost.errors import DevhostError
from tests.real_host.exchanges import read
from tests.real_host.host import hosted
from tests.real_host.rows import Row, compare

_REFUSED = ["refused", "starts with 0 functions"]


def _run(place: str) -> list[Row]:
    rows: list[Row] = []
    for case, real in read("annotations").items():
        match = re.search(rf"{place} (.+)$", case)
        if match is not None:
            there = real[:2] if real[0] == "Completed" else _REFUSED
            rows += compare(case, "activity", there, _load(place, match[1]))
    return rows


def _load(place: str, annotation: str) -> list[Any]:
    name = {"parameter": "ANNOTATION", "return": "RETURNS"}[place]
    try:
        with patch.dict(os.environ, {name: annotation}), hosted("annotations") as host:
            activity, value = ("a0", {"a": 1}) if place == "parameter" else ("r0", 5)
            host.start("go", "one", {"name": activity, "value": value})
            host.app.rest()
            status = host.status("one")["body"]
            return [status["runtimeStatus"], str(status["output"])]
    except DevhostError as refusal:
        return ["refused", _REFUSED[1] if _REFUSED[1] in str(refusal) else str(refusal)]


# The one case without a place, all that load in one app, is said by each of them alone.
PARTS = {f"annotations/{place}": partial(_run, place) for place in ("parameter", "return")}
