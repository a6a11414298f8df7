"""Tolerated failures: a share of the run's messages."""

from typing import Any

import pytest

from ingestion.contracts import Sums
from ingestion.errors import InvalidInput
from ingestion.run.tolerance import is_exceeded, read_tolerance


@pytest.mark.parametrize(("given", "written"), [("0%", "0%"), ("5%", "5%"), ("2.5 %", "2.5%"), ("50%", "50%")])
def test_a_tolerance_has_one_written_form(given: str, written: str) -> None:
    assert read_tolerance(given) == written


@pytest.mark.parametrize(
    "given", [0, 10, "10", -1, "-1%", "50.5%", "51%", "100%", "few", "", "%", "1e1%", True, "5%%", "\u0665%"]
)
def test_anything_else_is_refused_with_what_is_allowed(given: Any) -> None:
    with pytest.raises(InvalidInput, match=r'a percentage of the messages of the run, such as "1%"'):
        read_tolerance(given)


def done(chunks: int) -> Sums:
    return Sums(chunks=chunks, messages=chunks * 100)


@pytest.mark.parametrize(
    ("tolerance", "failed", "chunks", "exceeded"),
    [
        ("0%", 0, 100, False),
        ("0%", 1, 100, True),
        ("5%", 500, 100, False),
        ("5%", 501, 100, True),
        ("50%", 5_000, 100, False),
        ("0.57%", 57, 100, False),
        ("0.57%", 58, 100, True),
        ("5%", 0, 0, False),
    ],
)
def test_one_more_failure_than_the_tolerance_allows_is_too_many(
    tolerance: str, failed: int, chunks: int, exceeded: bool
) -> None:
    assert is_exceeded(tolerance, failed, done(chunks), None, is_end=True) == exceeded


@pytest.mark.parametrize(
    ("tolerance", "chunks", "total", "exceeded"),
    [
        ("50%", 19, None, False),
        ("50%", 20, None, True),
        ("50%", 1, 1_001, False),
        ("50%", 1, 1_000, True),
        ("50%", 20, 1_000_000, True),
        ("0%", 1, None, True),
    ],
)
def test_before_the_end_a_share_is_judged_after_twenty_chunks_or_a_tenth_but_zero_at_once(
    tolerance: str, chunks: int, total: int | None, exceeded: bool
) -> None:
    assert is_exceeded(tolerance, chunks * 100, done(chunks), total, is_end=False) == exceeded
