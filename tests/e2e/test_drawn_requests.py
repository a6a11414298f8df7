"""For any request, valid or not, the app returns no 5xx and only answers that docs/openapi.json describes.

Schemathesis draws the requests; most of those that name a run or a source name an existing one. The environment
variable `REQUESTS` (such as 2000) sets their number.
"""

import os
from collections import Counter
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from clients.openapi import document
from tests.e2e.rig import Rig

REQUESTS = int(os.environ.get("REQUESTS", "190"))
SECONDS = 60
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SOURCES = """
[{name}]
url = "{url}/ids"
items = "items"
message = "id"
total = "total"
pagination = {{ style = "cursor", read = "next_cursor", send = "cursor" }}

[nightly]
url = "http://127.0.0.1:1/{{region}}"
items = "data"
attempts = 1
outage_seconds = 0
query = {{ since = "{{from}}" }}
pagination = {{ style = "none" }}
parameters = {{ region = {{ allowed = ["eu", "us"], default = "eu" }} }}
incremental = {{ carry = "value", key = "updated_at", start = 2024-01-01T00:00:00Z }}

[broken]
url = 7
"""
RUNS = ("completed", "failing", "paused")


def of_the_host(response: httpx.Response) -> bool:
    """Return whether the host refused a request before it reached the app; such an answer has no body."""
    return response.status_code in (400, 404) and not response.content


def named(case: Any, run_id: str | None, source: str | None) -> Any:
    """Replace the run and the source of a request with existing ones."""
    for place, name, value in (
        (case.path_parameters, "run_id", run_id),
        (case.path_parameters, "name", source),
        (case.body, "source", source),
    ):
        if value is not None and isinstance(place, dict) and name in place:
            place[name] = value
    return case


def drawn(operation: Any) -> st.SearchStrategy[Any]:
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))
    runs, sources = st.sampled_from((None, *RUNS)), st.sampled_from((None, "demo", "nightly", "broken"))
    return st.builds(named, cases, runs, sources)


# The app is in this process and draws its own random numbers meanwhile.
@pytest.mark.filterwarnings("ignore:Do not use the .random. module:hypothesis.errors.HypothesisDeprecationWarning")
def test_no_drawn_request_gets_a_5xx_or_an_answer_outside_of_the_document(rig: Rig) -> None:
    (rig.folder / "sources.toml").write_text(SOURCES.format(name="demo", url=rig.api_url))
    rig.settings |= {"SLUICE_SOURCES": str(rig.folder / "sources.toml")}
    got: Counter[int] = Counter()
    with rig.host() as host:
        host.start("completed")
        host.app.wait("completed")
        rig.refused = {1, 6}
        host.start("failing", tolerated_failures="50%")
        host.app.wait("failing")
        host.start_held(4, run_id="paused")
        host.ask("pause", "paused")
        rig.gate.open()
        host.wait_for("paused", "paused")
        described: Any = schemathesis.openapi.from_dict(document())
        operations = sorted((it.ok() for it in described.get_all_operations()), key=lambda it: it.method == "delete")
        examples = max(1, REQUESTS // len(operations))
        for operation in operations:

            @settings(
                max_examples=examples,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(drawn(operation))
            def ask(case: Any) -> None:
                response = case.call(base_url=f"{host.app.url}/api", timeout=SECONDS)
                got[response.status_code] += 1
                checks = [not_a_server_error] if of_the_host(response) else CHECKS
                case.validate_response(response, checks=checks)

            ask()
    print(dict(sorted(got.items())))
    assert got.total() >= REQUESTS * 0.8
    assert {200, 202, 400, 404} <= got.keys()
