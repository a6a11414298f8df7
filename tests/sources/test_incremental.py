"""A few lines describe what a run carries to the next, and its values are where the description puts them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.errors import InvalidInput
from ingestion.reads import Reads
from ingestion.run import scope
from ingestion.run.watermark import Watermark, slot
from ingestion.source.description import Source
from ingestion.source.description.file import read_source

NOW = datetime(2026, 11, 25, 2, 0, 0, 600_000, tzinfo=UTC)
VALUE = {"carry": "value", "key": "updated_at", "start": "2024-01-01T00:00:00Z"}
CLOCK = {"carry": "clock", "start": "2024-01-01T00:00:00Z"}
TOKEN = {"carry": "token", "read": "@odata.deltaLink"}


def table(**changes: Any) -> dict[str, Any]:
    """Return a changed description of a source that sends the start of the range in its query."""
    return {
        "url": "https://api.example.com/orders",
        "items": "data",
        "query": {"since": "{from}"},
        "pagination": {"style": "none"},
        "incremental": VALUE,
        **changes,
    }


def source(reads: Reads | None = None, window: int = 0, **changes: Any) -> Source:
    found, wrong = read_source(
        table(**changes), "sources.toml: orders", {"BASE": "https://api.example.com"}, reads, window
    )
    assert found is not None, wrong
    assert wrong == []
    return found


def reads(
    described: Source, since: Any = None, until: Any = None, value: str | None = None, **parameters: str
) -> Reads:
    given = scope.given_parameters(described, parameters)
    found = scope.reads_of_run(described, since, until, given, Watermark(value=value, serial=7), NOW)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"incremental": {"carry": "value", "key": "at"}}, "incremental.start", "missing"),
        ({"incremental": {"carry": "value", "start": "2024-01-01"}}, "incremental.key", "missing"),
        ({"incremental": {"carry": "clock"}}, "incremental.start", "missing"),
        ({"incremental": {"carry": "token"}}, "incremental.read", "missing"),
        ({"incremental": {"carry": "date"}}, "incremental.carry", "'clock'"),
        ({"incremental": TOKEN | {"overlap": 60}}, "incremental.overlap", "of no use"),
        ({"incremental": VALUE | {"read": "x"}}, "incremental.read", "of no use"),
        ({"incremental": VALUE | {"start": "yesterday"}}, "incremental.start", "not a time"),
        ({"incremental": VALUE | {"lag": "two hours"}}, "incremental.lag", "'2h'"),
        ({"incremental": VALUE | {"lag": -1}}, "incremental.lag", "'2h'"),
        ({"incremental": VALUE | {"form": "number", "start": 0, "lag": 5}}, "incremental.lag", "times"),
        ({"incremental": VALUE | {"form": "number", "start": 0, "key_form": "date"}}, "incremental.key_form", "number"),
        ({"incremental": CLOCK | {"key_form": "date"}}, "incremental.key_form", "key"),
        ({"incremental": CLOCK | {"form": "number", "start": 0}}, "incremental.form", "time"),
        ({"incremental": CLOCK | {"lag": "1h"}}, "incremental.lag", "{to}"),
        ({"incremental": VALUE | {"window": "30d"}}, "incremental.window", "{to}"),
        ({"query": {}}, "incremental", "nothing sends {from}"),
        ({"query": {"since": "{form}"}}, "incremental", "nothing sends {from}"),
        ({"query": {"since": "t{from}"}, "incremental": TOKEN}, "query.since", "leaves the key out"),
        (
            {"query": {"a": "{from}", "b": "{to}"}, "incremental": VALUE | {"form": "number", "start": 0}},
            "incremental",
            "{to}",
        ),
        ({"parameters": {"region": {"allowed": ["eu"]}}}, "parameters.region", "nothing sends {region}"),
        ({"parameters": {"api_key": {"allowed": ["eu"]}}}, "parameters.api_key", "secret"),
        ({"parameters": {"Region": {"allowed": ["eu"]}}}, "parameters.Region", "lower-case"),
        ({"parameters": {"from": {"allowed": ["eu"]}}}, "parameters.from", "neither from nor to"),
        ({"parameters": {"a(b": {"allowed": ["eu"]}}}, "parameters.a(b", "lower-case"),
        (
            {"parameters": {"region": {"allowed": ["%BASE%"]}}, "query": {"since": "{from}{region}"}},
            "parameters.region",
            "app setting",
        ),
        ({"parameters": {"region": {}}, "query": {"since": "{from}{region}"}}, "parameters.region", "pattern"),
        (
            {"parameters": {"region": {"pattern": "["}}, "query": {"since": "{from}{region}"}},
            "parameters.region.pattern",
            "regular expression",
        ),
        (
            {"parameters": {"region": {"allowed": ["eu"], "default": "us"}}, "query": {"since": "{from}{region}"}},
            "parameters.region.default",
            "eu",
        ),
        (
            {"schedule": "0 0 2 * * *", "parameters": {"region": {"allowed": ["eu"]}}, "headers": {"x": "{region}"}},
            "parameters.region.default",
            "schedule",
        ),
        ({"url": "https://{region}.example.com", "parameters": {"region": {"allowed": ["eu"]}}}, "url", "host"),
        ({"url": "%BASE%{region}/x", "parameters": {"region": {"allowed": ["eu"]}}}, "url", "host"),
    ],
)
def test_a_description_that_cannot_work_is_refused_with_the_key(changes: dict[str, Any], field: str, said: str) -> None:
    _, wrong = read_source(table(**changes), "sources.toml: orders", {"BASE": "https://api.example.com"})
    assert any(each.field == f"sources.toml: orders.{field}" and said in str(each) for each in wrong), wrong


def test_the_first_run_begins_at_start_and_the_next_at_the_watermark_less_the_overlap() -> None:
    described = source(incremental=VALUE | {"overlap": "1h"})
    first, second = reads(described), reads(described, value="2026-11-24T02:00:00.5Z")
    assert (first.since, second.since) == ("2024-01-01T00:00:00Z", "2026-11-24T01:00:00.5Z")
    assert (second.watermark, second.backfill) == (7, False)
    assert source(second, incremental=VALUE | {"overlap": "1h"}).query == {"since": "2026-11-24T01:00:00.5Z"}


def test_a_run_leaves_what_is_newer_than_its_start_and_the_lag_to_the_next_one() -> None:
    assert reads(source()).until == "2026-11-25T02:00:00Z"
    assert reads(source(incremental=VALUE | {"lag": "2h"})).until == "2026-11-25T00:00:00Z"
    # A watermark after that, as with a longer lag, gives an empty range, not a reversed one.
    late = reads(source(incremental=VALUE | {"lag": "2h"}), value="2026-11-25T01:00:00Z")
    assert late.since == late.until == "2026-11-25T01:00:00Z"


def test_the_range_is_rounded_down_to_what_the_form_can_say_so_that_runs_meet_without_a_gap() -> None:
    daily: dict[str, Any] = {
        "incremental": CLOCK | {"form": "date", "start": "2024-01-01"},
        "query": {"from": "{from}", "to": "{to}"},
    }
    described = source(**daily)
    one = reads(described, value="2026-11-24T00:00:00Z")
    assert (one.since, one.until) == ("2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z")
    assert source(one, **daily).query == {"from": "2026-11-24", "to": "2026-11-25"}


def test_windows_cover_the_range_once_without_a_gap() -> None:
    changes: dict[str, Any] = {"incremental": VALUE | {"window": "30d"}, "query": {"since": "{from}", "until": "{to}"}}
    described = source(**changes)
    one = reads(described, since="2026-01-01T00:00:00Z", until="2026-03-15T12:00:00Z")
    assert described.incremental is not None
    queries = [source(one, index, **changes).query for index in range(described.incremental.windows(one))]
    assert [query["since"] for query in queries] == [
        "2026-01-01T00:00:00Z",
        "2026-01-31T00:00:00Z",
        "2026-03-02T00:00:00Z",
    ]
    assert [query["until"] for query in queries] == [
        "2026-01-31T00:00:00Z",
        "2026-03-02T00:00:00Z",
        "2026-03-15T12:00:00Z",
    ]


def test_a_token_is_left_out_of_the_first_run_and_sent_whole_in_the_next() -> None:
    link = "https://api.example.com/delta?token=a%20b"
    changes: dict[str, Any]
    for place in (
        {"query": {"sync": "{from}", "n": 1}},
        {"body": {"sync": "{from}", "n": 1}, "method": "POST", "query": {}},
    ):
        changes = {"incremental": TOKEN, **place}
        key = "body" if "body" in place else "query"
        assert getattr(source(reads(source(**changes)), **changes), key) == {"n": 1}
        assert getattr(source(reads(source(**changes), value="t{to}"), **changes), key) == {"n": 1, "sync": "t{to}"}
    changes = {
        "incremental": TOKEN,
        "query": {},
        "pagination": {"style": "next_url", "start": "{from}"},
    }
    assert source(reads(source(**changes)), **changes).pagination.first() is None
    assert source(reads(source(**changes), value=link), **changes).pagination.first() == link


@pytest.mark.parametrize(
    ("form", "start", "sent"),
    [
        ("rfc3339", "2026-11-25T02:00:00Z", "2026-11-25T02:00:00Z"),
        ("rfc3339_local", "2026-11-25T02:00:00", "2026-11-25T02:00:00"),
        ("date", "2026-11-25", "2026-11-25"),
        ("rfc2822", "Wed, 25 Nov 2026 02:00:00 GMT", "Wed, 25 Nov 2026 02:00:00 GMT"),
        ("epoch_seconds", 1_795_572_000, 1_795_572_000),
        ("epoch_milliseconds", 1_795_572_000_000, 1_795_572_000_000),
        ("json_date", "/Date(1795572000000)/", "/Date(1795572000000)/"),
        ("number", 12, 12),
    ],
)
def test_the_value_has_the_form_that_the_api_wants(form: str, start: Any, sent: Any) -> None:
    changes: dict[str, Any] = {"incremental": {"carry": "value", "key": "at", "form": form, "start": start}}
    within = source(reads(source(**changes)), **changes, query={"$filter": "at ge {from}", "whole": "{from}"})
    assert within.query == {"$filter": f"at ge {sent}", "whole": sent}
    in_header = source(reads(source(**changes)), **changes, query={}, headers={"X-Since": "{from}"})
    assert in_header.headers == {"X-Since": str(sent)}


@pytest.mark.parametrize("form", ["rfc3339", "rfc2822", "epoch_seconds", "epoch_milliseconds", "json_date"])
def test_the_start_may_be_a_time_of_toml_in_whatever_form_it_is_sent(form: str) -> None:
    start = datetime(2026, 11, 25, 2, tzinfo=UTC)
    changes: dict[str, Any] = {"incremental": {"carry": "value", "key": "at", "form": form, "start": start}}
    assert reads(source(**changes)).since == "2026-11-25T02:00:00Z"


def test_a_token_may_be_sent_by_the_name_of_a_credential() -> None:
    assert source(reads(source()), incremental=TOKEN, query={"token": "{from}"}).query["token"]


def test_other_braces_are_text_as_in_a_graphql_query() -> None:
    text = 'query { orders(since: "{from}") { id { to } name } }'
    made = source(reads(source()), body={"query": text}, method="POST", query={})
    assert made.body == {"query": text.replace("{from}", "2024-01-01T00:00:00Z")}


def test_a_parameter_is_encoded_in_its_place_and_changes_nothing_else() -> None:
    odd = "a/b?c=d&e#f:@x%2F"
    changes: dict[str, Any] = {
        "url": "https://api.example.com/{region}/orders?r={region}",
        "query": {"since": "{from}", "region": "{region}"},
        "parameters": {"region": {"pattern": ".*"}},
    }
    made = source(reads(source(**changes), region=odd), **changes)
    assert made.url.startswith("https://api.example.com/a%2Fb%3Fc%3Dd%26e%23f%3A%40x%252F/orders?r=a%2Fb")
    assert made.query["region"] == odd


@pytest.mark.parametrize("value", ["%BASE%", "{from}", "{region}", "%%"])
def test_what_a_parameter_says_is_never_filled_in_itself(value: str) -> None:
    changes: dict[str, Any] = {
        "query": {"since": "{from}", "region": "x{region}"},
        "parameters": {"region": {"pattern": ".*"}},
    }
    assert source(reads(source(**changes), region=value), **changes).query["region"] == f"x{value}"


@pytest.mark.parametrize("quotes", [("doubled", "O''Hara"), ("escaped", "O\\'Hara"), ("as they are", "O'Hara")])
def test_a_parameter_inside_a_text_of_a_query_language_is_quoted_as_that_quotes(quotes: tuple[str, str]) -> None:
    parameter = {"pattern": ".*", "quotes": quotes[0]}
    changes: dict[str, Any] = {"query": {"q": "at ge {from} and name eq '{name}'"}, "parameters": {"name": parameter}}
    made = source(reads(source(**changes), name="O'Hara"), **changes)
    assert made.query["q"] == f"at ge 2024-01-01T00:00:00Z and name eq '{quotes[1]}'"


REGION: dict[str, Any] = {
    "query": {"since": "{from}", "region": "{region}"},
    "parameters": {"region": {"allowed": ["eu", "us"]}},
}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "parameters.region"),
        ({"region": "de"}, "parameters.region"),
        ({"region": "eu", "zone": "1"}, "parameters.zone"),
    ],
)
def test_a_parameter_that_is_missing_not_allowed_or_not_declared_is_refused(given: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        scope.given_parameters(source(**REGION), given)
    assert refused.value.field == field


@pytest.mark.parametrize("value", ["", ".", "..", "a\nb", "x" * 201])
def test_no_parameter_is_empty_climbs_a_path_or_breaks_a_line(value: str) -> None:
    changes: dict[str, Any] = {
        "query": {"since": "{from}", "region": "{region}"},
        "parameters": {"region": {"pattern": "(?s).*"}},
    }
    with pytest.raises(InvalidInput):
        scope.given_parameters(source(**changes), {"region": value})


def test_a_backfill_reads_the_requested_range_and_no_watermark() -> None:
    one = reads(source(), since="2025-01-01T00:00:00+01:00", until="2025-02-01", value="2026-11-24T00:00:00Z")
    assert one == Reads(since="2024-12-31T23:00:00Z", until="2025-02-01T00:00:00Z", backfill=True)
    assert reads(source(), until="2025-02-01").since == "2024-01-01T00:00:00Z"
    assert reads(source(), since="2025-02-01").until == "2026-11-25T02:00:00Z"


@pytest.mark.parametrize(
    ("changes", "since", "until", "field"),
    [
        ({}, "soon", None, "from"),
        ({}, "2025-01-01", "2025-01-01", "to"),
        ({}, "2025-01-02", "2025-01-01", "to"),
        ({}, "2027-01-01", None, "from"),
        ({"incremental": TOKEN}, "2025-01-01", None, "from"),
        ({"incremental": CLOCK}, "2025-01-01", "2025-01-02", "to"),
    ],
)
def test_a_range_that_the_source_cannot_read_is_refused(changes: Any, since: Any, until: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        reads(source(**changes), since=since, until=until)
    assert refused.value.field == field


def test_a_source_without_a_range_has_none_to_fill() -> None:
    described = {key: value for key, value in table(query={"a": "{from}"}).items() if key != "incremental"}
    found, wrong = read_source(described, "x", {})
    assert found is not None
    assert wrong == []
    assert found.query == {"a": "{from}"}
    with pytest.raises(InvalidInput) as refused:
        reads(found, since="2025-01-01")
    assert refused.value.field == "from"


def test_each_set_of_parameters_has_a_watermark_of_its_own() -> None:
    slots = [slot("orders", given) for given in ({}, {"a": "1"}, {"a": "2"}, {"a": "1", "b": "2"}, {"a": "1/b=2"})]
    assert len(set(slots)) == 5
