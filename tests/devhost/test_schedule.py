"""Timer triggers are due as the real host reads NCRONTAB."""

from datetime import UTC, datetime

import pytest

from local.devhost.timer.schedule import Schedule

SUNDAY_NOON = datetime(2026, 3, 1, 12, 0, 5, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("*/5 * * * * *", "2026-03-01 12:00:10"),
        ("0 */1 * * * *", "2026-03-01 12:01:00"),
        ("5/20 * * * * *", "2026-03-01 12:00:25"),
        ("0,30 15 * * * *", "2026-03-01 12:15:00"),
        ("0 0 9-17 * * MON-FRI", "2026-03-02 09:00:00"),
        ("0 0 0 1 1 *", "2027-01-01 00:00:00"),
        ("0 0 0 29 feb *", "2028-02-29 00:00:00"),
        # The 13th and a Tuesday, both: NCRONTAB has no "or" between its two fields for days.
        ("0 0 0 13 * 2", "2026-10-13 00:00:00"),
    ],
)
def test_a_schedule_is_due_at_the_next_moment_that_all_fields_fit(text: str, due: str) -> None:
    assert Schedule(text).next_after(SUNDAY_NOON) == datetime.fromisoformat(f"{due}+00:00")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hourly",
        "* * * *",
        "* * * * * * *",
        "61 * * * * *",
        "0 0 0 L * *",
        "0 0 0 * * 1#2",
        "0 0 0 * * 7",
        "0 0 0 31 2 *",
        "*/5 * * * *",
        "00:00:05",
        "%EVERY%",
    ],
)
def test_a_schedule_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"NCRONTAB of six fields|no moment fits"):
        Schedule(text)


@pytest.mark.parametrize(("text", "is_monitored"), [("0 * * * * *", True), ("*/30 * * * * *", False)])
def test_nothing_is_kept_about_a_timer_that_is_due_more_often_than_once_a_minute(text: str, is_monitored: bool) -> None:
    assert Schedule(text).is_monitored is is_monitored
