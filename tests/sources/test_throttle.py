"""Every way in which sources limit requests becomes a wait in seconds."""

from datetime import UTC, datetime
from typing import Any

import pytest
from httpx import Headers

from ingestion.source.waiting.throttle import BodyThrottle, Cost, Throttle, pause_seconds, refused_for_seconds
from ingestion.source.waiting.throttle import refused_by_body_seconds as by_body
from ingestion.source.waiting.wait import Unit, seconds_from

NOW = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("said", "unit", "seconds"),
    [
        ("120", "auto", 120), ("2.0", "auto", 2), (" 7 ", "auto", 7), (str(int(NOW) + 90), "auto", 90),
        (str(int(NOW * 1000) + 90_000), "auto", 90), ("Wed, 01 Jul 2026 12:02:00 GMT", "auto", 120),
        ("2026-07-01T12:00:30Z", "auto", 30), ("2026-07-01T14:00:30+02:00", "auto", 30),
        ("2026-07-01T12:00:30", "auto", 30), ("1500", "milliseconds", 1.5), (str(NOW + 5), "auto", 5),
        (90, "auto", 90), ("0", "auto", 0), ("-5", "auto", 0), ("Wed, 01 Jul 2020 12:00:00 GMT", "auto", 0),
        ("", "auto", None), ("soon", "auto", None), ("nan", "auto", None), ("inf", "auto", None), (True, "auto", None),
    ],
)  # fmt: skip
def test_a_wait_is_read_in_every_form(said: object, unit: Unit, seconds: float | None) -> None:
    assert seconds_from(said, NOW, unit) == (None if seconds is None else pytest.approx(seconds))


LEFT, SPENT = {"x-ratelimit-remaining": "7"}, {"x-ratelimit-remaining": "0"}
RESET = {"x-ratelimit-reset": "120"}


@pytest.mark.parametrize(
    ("status", "headers", "throttle", "seconds"),
    [
        *((status, {"retry-after": "5", **SPENT}, {}, None) for status in (200, 400, 401, 404, 410, 500, 502)),
        *((status, {}, {}, None) for status in (403, 503)),  # a refusal only with a sign of it
        *((status, LEFT, {}, None) for status in (403, 503)),
        *((status, {"retry-after": "5"}, {}, 5) for status in (403, 503)),
        *((status, {**SPENT, "x-ratelimit-reset": str(int(NOW) + 60)}, {}, 60) for status in (403, 503)),
        (429, {}, {}, 9),  # the back-off, where no wait is named
        (429, {"retry-after": "0"}, {}, 9),
        (429, {}, {"penalty_seconds": 30}, 30),
        (418, {}, {"statuses": (418,)}, 9),
        *((429, {**RESET, **remaining}, {}, 120) for remaining in ({}, LEFT, SPENT)),  # whatever remains
        *((429, {**RESET, "retry-after": "7", **remaining}, {}, 7) for remaining in ({}, LEFT, SPENT)),
        (429, {"x-ratelimit-reset": "0"}, {}, 9),
        (429, {"retry-after": "2", "x-ms-retry-after-ms": "3500"}, {}, 3.5),  # all have to pass
        (429, {"retry-after": "2", "x-wait": "7"}, {"wait_header": "X-Wait"}, 7),
    ],
)
def test_a_refusal_lasts_as_long_as_status_headers_and_description_say(
    status: int, headers: dict[str, str], throttle: dict[str, Any], seconds: float | None
) -> None:
    assert refused_for_seconds(Throttle(**throttle), status, Headers(headers), NOW, backoff_seconds=9) == seconds


def test_a_success_that_says_throttled_is_a_refusal() -> None:
    body = BodyThrottle(path="errors.extensions.code", values=("THROTTLED",))
    document = {"errors": [{"message": "x"}, {"extensions": {"code": "THROTTLED"}}], "data": None}
    assert by_body(Throttle(body=body), document, NOW, 9) == 9
    cost = {
        "extensions": {
            "cost": {"requestedQueryCost": 500, "throttleStatus": {"currentlyAvailable": 100, "restoreRate": 50}}
        }
    }
    assert by_body(Throttle(body=body, cost=Cost()), document | cost, NOW, 9) == 8
    assert by_body(Throttle(body=body), {"errors": [{"extensions": {"code": "OTHER"}}]}, NOW, 9) is None
    assert by_body(Throttle(body=body), [1, 2], NOW, 9) is None


@pytest.mark.parametrize(
    ("headers", "throttle", "seconds"),
    [
        ({**RESET, **SPENT}, {}, 120),
        ({**RESET, **LEFT}, {}, 0),
        ({**RESET, **LEFT}, {"reserve": 7}, 120),
        ({"x-left": "0", "x-back": "3"}, {"remaining_header": "X-Left", "reset_header": "X-Back"}, 3),
        ({"x-calls": "39/40"}, {"bucket_header": "X-Calls"}, 0),
        ({"x-calls": "40/40"}, {"bucket_header": "X-Calls"}, 0.5),
        ({}, {}, 0),
    ],
)
def test_what_is_left_of_a_limit_paces_before_it_is_used_up(
    headers: dict[str, str], throttle: dict[str, Any], seconds: float
) -> None:
    assert pause_seconds(Throttle(**throttle), Headers(headers), None, NOW) == seconds
