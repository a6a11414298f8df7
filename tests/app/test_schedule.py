"""Due times: each time of the clock once, also on the days when daylight saving begins or ends."""

import time
import zoneinfo
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.schedule import MOST_COUNTED, Schedule, checked_schedule, checked_zone, run_id_of

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def at(text: str) -> datetime:
    """Return a time in UTC."""
    return datetime.fromisoformat(f"{text}+00:00")


def between(schedule: Schedule, start: datetime, stop: datetime) -> list[datetime]:
    """Return the due times after `start`, up to and including `stop`."""
    return list(takewhile(lambda due: due <= stop, schedule.after(start)))


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("0 */1 * * * *", "2026-03-01T12:01"),
        ("0 5/20 * * * *", "2026-03-01T12:05"),
        ("0 0,30 * * * *", "2026-03-01T12:30"),
        ("0 0 9-17 * * MON-FRI", "2026-03-02T09:00"),
        ("0 0 0 1 1 *", "2027-01-01T00:00"),
        ("0 0 0 29 feb *", "2028-02-29T00:00"),
        # The 13th and a Tuesday, both: NCRONTAB has no "or" between its two fields for days.
        ("0 0 0 13 * 2", "2026-10-13T00:00"),
    ],
)
def test_a_schedule_is_due_when_all_its_fields_fit(text: str, due: str) -> None:
    assert next(Schedule(checked_schedule(text)).after(datetime(2026, 3, 1, 12, 0, 5, 7, tzinfo=UTC))) == at(due)


@pytest.mark.parametrize(
    ("zone", "day", "text", "due"),
    [
        # 02:00 to 03:00 does not exist: what is due then is due once, when the clock continues.
        (BERLIN, "2026-03-29", "0 30 2 * * *", ["01:00"]),
        (BERLIN, "2026-03-29", "0 */15 2 * * *", ["01:00"]),
        (BERLIN, "2026-03-29", "0 0 1-4 * * *", ["00:00", "01:00", "02:00"]),
        (NEW_YORK, "2026-03-08", "0 30 2 * * *", ["07:00"]),
        (NEW_YORK, "2026-03-08", "0 */15 2 * * *", ["07:00"]),
        (NEW_YORK, "2026-03-08", "0 0 1-4 * * *", ["06:00", "07:00", "08:00"]),
        # 02:00 to 03:00, or 01:00 to 02:00, exists twice: the first one counts.
        (BERLIN, "2026-10-25", "0 30 2 * * *", ["00:30"]),
        (BERLIN, "2026-10-25", "0 */30 2 * * *", ["00:00", "00:30"]),
        (BERLIN, "2026-10-25", "0 0 1-4 * * *", ["-1:00", "00:00", "02:00", "03:00"]),
        (NEW_YORK, "2026-11-01", "0 30 1 * * *", ["05:30"]),
        (NEW_YORK, "2026-11-01", "0 */30 1 * * *", ["05:00", "05:30"]),
        (NEW_YORK, "2026-11-01", "0 0 0-3 * * *", ["04:00", "05:00", "07:00", "08:00"]),
    ],
)
def test_an_hour_that_daylight_saving_skips_or_repeats_gives_one_run(
    zone: str, day: str, text: str, due: list[str]
) -> None:
    """The list has the hours in UTC since midnight of that day in UTC."""
    midnight, schedule = at(f"{day}T00:00"), Schedule(checked_schedule(text), zone)
    hours = [timedelta(hours=int(one[:2]), minutes=int(one[3:])) for one in due]
    first = midnight.astimezone(ZoneInfo(zone)).utcoffset()
    assert first is not None
    start, stop = midnight - first - MINUTE, midnight - first + DAY
    found = [one for one in between(schedule, start, stop) if one.astimezone(ZoneInfo(zone)).day == midnight.day]
    assert found == [midnight + hour for hour in hours]
    known = between(schedule, start - 3 * DAY, stop)
    for moment in minutes(start, stop):
        assert schedule.latest(moment) == known[bisect_right(known, moment) - 1], moment


def minutes(start: datetime, stop: datetime) -> Iterator[datetime]:
    return (start + number * MINUTE for number in range((stop - start) // MINUTE))


def clock_of(zone: ZoneInfo, start: datetime, stop: datetime) -> dict[datetime, datetime]:
    """Return when the clock first shows each minute, for a reader who looks every minute."""
    shown: dict[datetime, datetime] = {}
    latest: datetime | None = None
    for moment in minutes(start, stop):
        face = moment.astimezone(zone).replace(tzinfo=None)
        latest = latest or face - MINUTE
        while latest < face:  # what it skips counts as shown together with what it shows
            latest += MINUTE
            shown[latest] = moment
    return shown


@settings(max_examples=40, deadline=None)
@given(
    zone=st.sampled_from([BERLIN, NEW_YORK, "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago", "UTC"]),
    day=st.one_of(
        st.sampled_from(
            [at("2026-03-29T00:00"), at("2026-10-25T00:00"), at("2026-03-08T00:00"), at("2026-11-01T00:00")]
        ),
        st.sampled_from(
            [at("2026-04-04T00:00"), at("2026-10-03T00:00"), at("2026-04-05T00:00"), at("2026-09-06T00:00")]
        ),
        st.dates(datetime(2026, 1, 5).date(), datetime(2026, 12, 25).date()).map(
            lambda day: datetime(day.year, day.month, day.day, tzinfo=UTC)
        ),
    ),
    fitting=st.tuples(
        st.sets(st.integers(0, 59), min_size=1, max_size=4), st.sets(st.integers(0, 23), min_size=1, max_size=8)
    ),
)
def test_due_times_are_those_of_a_reader_who_watches_the_clock(
    zone: str, day: datetime, fitting: tuple[set[int], set[int]]
) -> None:
    listed = [",".join(map(str, sorted(numbers))) for numbers in fitting]
    schedule = Schedule(checked_schedule(f"0 {listed[0]} {listed[1]} * * *"), zone)
    seen = clock_of(ZoneInfo(zone), day - DAY, day + 3 * DAY)
    expected = sorted(
        {moment for face, moment in seen.items() if (face.minute in fitting[0] and face.hour in fitting[1])}
    )
    inner = [moment for moment in expected if day < moment <= day + 2 * DAY]
    assert between(schedule, day, day + 2 * DAY) == inner
    for moment in list(minutes(day + DAY, day + DAY + timedelta(hours=12)))[::11]:
        assert schedule.latest(moment) == expected[bisect_right(expected, moment) - 1]


def test_a_year_of_due_times_takes_less_than_a_second_and_its_last_one_no_time_at_all() -> None:
    start, stop = at("2026-01-01T00:00"), at("2026-12-31T23:59")
    for text, number in (("0 30 2 * * *", 365), ("0 0 * * * *", 8_758)):
        began = time.process_time()
        assert len(between(Schedule(text, BERLIN), start, stop)) == number
        assert time.process_time() - began < 1
    began = time.process_time()
    every_minute = Schedule("0 * * * * *", BERLIN)
    assert (every_minute.latest(stop), every_minute.count(start, stop)) == (stop, MOST_COUNTED)
    assert time.process_time() - began < 0.1


def test_the_latest_due_time_includes_the_present_moment() -> None:
    schedule, due = Schedule("0 0 2 * * *"), at("2026-11-25T02:00")
    assert [schedule.latest(due + timedelta(microseconds=one)) for one in (-1, 0, 1)] == [due - DAY, due, due]
    assert next(schedule.after(due)) == next(schedule.after(due + timedelta(microseconds=1))) == due + DAY
    assert schedule.count(due - 3 * DAY, due) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not six fields"),
        ("hourly", "not six fields"),
        ("0 2 * * *", "not six fields"),
        ("0 0 2 * * * *", "not six fields"),
        ("02:00:00", "not six fields"),
        ("0 0 0 L * *", "not six fields"),
        ("0 0 0 * * 1#2", "not six fields"),
        ("0 0 0 * * 7", "not six fields"),
        ("0 61 0 * * *", "bad minute"),
        ("0 0 0 31 2 *", "never due"),
        ("0 0 0 31 2 MON", "never due"),
        ("* * * * * *", "must be 0"),
        ("*/30 0 2 * * *", "must be 0"),
        ("30 0 2 * * *", "must be 0"),
        ("0,30 0 2 * * *", "must be 0"),
    ],
)
def test_what_is_no_schedule_is_never_due_or_is_below_the_minute_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        checked_schedule(text)


@pytest.mark.parametrize("name", ["", "Europe", "Europe/Atlantis", "CET+1", "/etc/passwd", "../UTC", "\0", "W. Europe"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        checked_zone(name)


def test_a_machine_without_time_zones_has_them_from_the_package() -> None:
    try:
        zoneinfo.reset_tzpath(to=())
        ZoneInfo.clear_cache()
        assert [checked_zone(name) for name in ("UTC", BERLIN, NEW_YORK)] == ["UTC", BERLIN, NEW_YORK]
        assert list(islice(Schedule("0 0 2 * * *", BERLIN).after(at("2026-07-01T00:00")), 1)) == [
            at("2026-07-02T00:00")
        ]
        with pytest.raises(ValueError, match="no time zone"):
            checked_zone("Europe")
    finally:
        zoneinfo.reset_tzpath()
        ZoneInfo.clear_cache()


def test_a_run_is_named_after_its_source_and_its_due_time_in_utc() -> None:
    due = datetime(2026, 11, 25, 3, tzinfo=ZoneInfo(BERLIN))
    assert run_id_of("orders", due) == "orders-20261125T020000Z"
    assert len(run_id_of("x" * 40, due)) <= 64
