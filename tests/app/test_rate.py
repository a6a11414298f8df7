"""The rate finds the limit of a queue and stays near it, in virtual time."""

from itertools import pairwise

import pytest

from ingestion.sending.rate import FIRST_PER_SECOND, INTERVAL_SECONDS, LOWEST_PER_SECOND, Pace, Rate


class Bucket:
    """A queue that accepts `per_second` messages, with a burst of a tenth of a second."""

    def __init__(self, per_second: float) -> None:
        self.per_second, self.empty_at = per_second, 0.0

    def takes(self, now: float) -> bool:
        emptied = max(self.empty_at, now)
        if emptied - now > 0.1:
            return False
        self.empty_at = emptied + 1 / self.per_second
        return True


def drive(rate: Rate, queue: Bucket, start: float, seconds: float) -> tuple[int, int]:
    """Send as fast as the rate allows; return the numbers of accepted and refused messages."""
    now, took, refused = start, 0, 0
    while now < start + seconds:
        now += rate.turn(now)
        if queue.takes(now):
            took += 1
            rate.accepted()
        else:
            refused += 1
            rate.refused()
        now += 1e-6
    return took, refused


@pytest.mark.parametrize("limit", [300, 1_000, 2_000, 5_000])
def test_it_stays_near_the_ceiling_with_few_refusals(limit: int) -> None:
    rate, queue = Rate(), Bucket(limit)
    drive(rate, queue, 0, 5)
    took, refused = drive(rate, queue, 5, 20)
    assert took >= 0.9 * limit * 20
    assert refused <= 0.05 * (took + refused)


def test_an_outage_slows_it_down_and_it_finds_back_within_seconds() -> None:
    rate, queue = Rate(), Bucket(1_000)
    drive(rate, queue, 0, 10)
    queue.per_second = 0.001
    drive(rate, queue, 10, 10)
    assert rate.per_second <= 2 * LOWEST_PER_SECOND
    queue.per_second, queue.empty_at = 1_000, 0
    drive(rate, queue, 20, 10)
    took, _ = drive(rate, queue, 30, 1)
    assert took >= 900


def test_a_rate_that_nobody_uses_does_not_grow() -> None:
    rate = Rate()
    for step in range(100):
        rate.turn(step * 10 * INTERVAL_SECONDS)
        rate.accepted()
    assert rate.per_second == FIRST_PER_SECOND


def test_turns_come_at_a_steady_pace_whoever_takes_them() -> None:
    pace = Pace(10)
    times = [pace.turn(100.0) for _ in range(5)]
    assert times[0] == 0.0
    assert [later - earlier for earlier, later in pairwise(times)] == pytest.approx([0.1] * 4)
    assert pace.turn(200.0) == 0.0
