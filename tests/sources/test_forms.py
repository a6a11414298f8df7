"""A mark is read exactly, and written in the form of the API, never rounded up."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import get_args

import pytest

from ingestion.source.description.forms import EXAMPLES, Form, canonical, floor, from_canonical, parse, write
from ingestion.source.reading.number import Digits

FORMS: tuple[Form, ...] = get_args(Form)
TIMES = [form for form in FORMS if form != "number"]
NIGHT = Decimal(1_795_572_000)  # 2026-11-25T02:00:00Z


@pytest.mark.parametrize(
    ("form", "value", "mark"),
    [
        ("rfc3339", "2026-11-25T02:00:00Z", NIGHT),
        ("rfc3339", "2026-11-25t03:30:00+01:30", NIGHT),
        ("rfc3339", "2026-11-25 02:00:00.123456789Z", NIGHT + Decimal("0.123456789")),
        ("rfc3339", "2026-11-25T02:00:00.1234567+00:00", NIGHT + Decimal("0.1234567")),  # as .NET writes it
        ("rfc3339", "2026-11-25T01:59:60Z", NIGHT),  # a leap second
        ("rfc3339_local", "2026-11-25T02:00:00", NIGHT),
        ("rfc3339_local", "2026-11-25 02:00", NIGHT),
        ("date", "2026-11-25", NIGHT - 7_200),
        ("rfc2822", "Wed, 25 Nov 2026 03:00:00 +0100", NIGHT),
        ("rfc2822", "Wed, 25 Nov 2026 02:00:00 GMT", NIGHT),
        ("epoch_seconds", 1_795_572_000, NIGHT),
        ("epoch_seconds", "1795572000.5", NIGHT + Decimal("0.5")),
        ("epoch_milliseconds", 1_795_572_000_001, NIGHT + Decimal("0.001")),
        ("json_date", "/Date(1795572000000+0100)/", NIGHT),  # the time zone changes the text, not the time
        ("number", 12, Decimal(12)),
        ("number", "00012", Decimal(12)),
        ("number", Digits("12345678901234567890.5"), Decimal("12345678901234567890.5")),
    ],
)
def test_a_value_is_read_with_all_its_digits(form: Form, value: object, mark: Decimal) -> None:
    assert parse(value, form) == mark


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "value", [None, True, "", "soon", "2026-13-01T00:00:00Z", [], {}, "NaN", "1e9999", 10**20, "/Date(x)/"]
)
def test_what_is_no_value_of_the_form_is_refused_and_nothing_else_is_raised(form: Form, value: object) -> None:
    if form == "number" and value == 10**20:
        return
    with pytest.raises((ValueError, TypeError)) as raised:
        parse(value, form)
    assert raised.type is ValueError


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "null"),
        (True, "true or false"),
        (5, "a number"),
        (Decimal(5), "a number"),
        ({}, "an object"),
        ([], "a list"),
    ],
)
def test_an_error_about_a_type_uses_the_words_of_json(value: object, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said} where a text should be$"):
        parse(value, "rfc3339")


@pytest.mark.parametrize("form", FORMS)
def test_what_is_written_is_read_again_and_is_never_later(form: Form) -> None:
    drawn = random.Random(14)
    for _ in range(500):
        mark = Decimal(drawn.randrange(-(10**9), 4 * 10**9)) + Decimal(drawn.randrange(10**9)).scaleb(-9)
        written = parse(write(mark, form), form)
        assert written <= mark
        assert written == floor(mark, form) == floor(written, form)
        assert mark - written < Decimal({"date": "86400", "epoch_milliseconds": "0.001"}.get(form, "1"))
        assert from_canonical(canonical(mark, form), form) == mark


@pytest.mark.parametrize("form", TIMES)
def test_a_time_is_written_as_its_example_shows(form: Form) -> None:
    assert str(write(parse(EXAMPLES[form].partition(", in UTC")[0], form), form)) == EXAMPLES[form].partition(", in")[0]


def test_times_are_ordered_as_python_orders_them() -> None:
    drawn = random.Random(15)
    begin = datetime(1999, 1, 1, tzinfo=UTC)
    moments = [begin + timedelta(microseconds=drawn.randrange(10**15)) for _ in range(300)]
    assert sorted(moments) == sorted(moments, key=lambda moment: parse(moment.isoformat(), "rfc3339"))
