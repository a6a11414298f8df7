"""Tolerated failures: a count of chunks, or a share of those done."""

import pytest

from ingestion.errors import InvalidInput
from ingestion.run.tolerance import is_exceeded, read_tolerance


@pytest.mark.parametrize(("given", "written"), [(0, "0"), (10, "10"), ("10", "10"), ("5%", "5%"), ("2.5 %", "2.5%")])
def test_a_tolerance_has_one_written_form(given: int | str, written: str) -> None:
    assert read_tolerance(given) == written


@pytest.mark.parametrize("given", [-1, "-1", "101%", "100.5%", "few", "", "%", "1e3", True, "5%%"])
def test_anything_else_is_refused_with_what_is_allowed(given: int | str) -> None:
    with pytest.raises(InvalidInput, match="percentage"):
        read_tolerance(given)


@pytest.mark.parametrize(
    ("tolerance", "failed", "done", "exceeded"),
    [
        ("0", 0, 100, False),
        ("0", 1, 100, True),
        ("10", 10, 10, False),
        ("10", 11, 1_000, True),
        ("5%", 5, 100, False),
        ("5%", 6, 100, True),
        ("0%", 1, 100, True),
        ("100%", 7, 7, False),
        ("2.5%", 1, 40, False),
        ("5%", 0, 0, False),
    ],
)
def test_as_many_as_are_tolerated_are_and_one_more_is_not(
    tolerance: str, failed: int, done: int, exceeded: bool
) -> None:
    assert is_exceeded(tolerance, failed, done) == exceeded
