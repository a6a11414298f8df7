"""The view of a run is right at every width and encoding, and says why the run waits."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from terminal.display import Display
from terminal.listing import carried
from terminal.report import next_steps, no_failures, report
from terminal.view import bar, block, line, waits
from terminal.words import clean, duration

NOW = datetime(2026, 1, 5, 6, 10, tzinfo=UTC)
COUNTS: dict[str, Any] = {
    "phase": "running", "fetched": 700_000, "enqueued": 500_000, "rejected": 10, "failed": 5_000, "pending": 194_990,
    "chunks_done": 101, "chunks_total": 140, "source_exhausted": False, "source_total": 1_000_000,
    "counts_at": (NOW - timedelta(seconds=10)).isoformat(),
}  # fmt: skip
RUN: dict[str, Any] = {
    "run_id": "orders", "source": "shop", "status": "running", "progress": COUNTS, "report": None, "error": None,
    "started_at": (NOW - timedelta(minutes=7)).isoformat(), "actions": ["pause", "cancel"],
    "rate": {"now": 1234.5, "overall": 1200.0},
    "estimate": {"seconds_left": 250.0, "total": 1_000_000, "rests_on": "the rate of the last minute"},
}  # fmt: skip


def shown(run: dict[str, Any], *, width: int = 100, ascii_only: bool = False) -> str:
    text = io.StringIO()
    Console(file=text, width=width, color_system=None).print(block(run, NOW, ascii_only=ascii_only))
    return text.getvalue()


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"fetched": 0, "enqueued": 0, "rejected": 0, "failed": 0, "pending": 0}, "········"),
        ({"fetched": 8, "enqueued": 2, "rejected": 2, "failed": 2, "pending": 2}, "██▓▓XX░░"),
        ({"fetched": 4, "enqueued": 4, "rejected": 0, "failed": 0, "pending": 0, "source_total": 8}, "████····"),
        ({"fetched": 10**6, "enqueued": 10**6 - 2, "rejected": 1, "failed": 1, "pending": 0}, "██████▓X"),
        ({"fetched": 10, "enqueued": 0, "rejected": 0, "failed": 0, "pending": 10, "source_total": 5}, "░░░░░░░░"),
    ],
)
def test_the_bar_shows_the_parts_in_true_proportions(counts: dict[str, int], expected: str) -> None:
    drawn = bar({"source_total": None, "source_exhausted": False, **counts}, cells=8).plain
    assert drawn.startswith(expected)
    assert len(drawn.partition("  ")[0]) == 8


def test_a_part_that_is_there_is_seen_however_small() -> None:
    parts = {"fetched": 10**6, "enqueued": 10**6 - 3, "rejected": 1, "failed": 1, "pending": 1}
    assert bar({"source_total": None, "source_exhausted": True, **parts}, cells=8).plain == "█████▓X░  99 %"


def test_a_run_is_shown_with_its_identity_rate_and_what_the_estimate_rests_on() -> None:
    assert shown(RUN).splitlines()[1:] == [
        "████████████████████▓X░░░░░░░░··········  50 %  fetched 700,000 of 1,000,000",
        "= █ enqueued 500,000 + ▓ rejected 10 + X failed 5,000 + ░ pending 194,990",
        "101/140 chunks  1,234/s  4 min 00 s left",
        "the rate of the last minute",
    ]
    assert shown(RUN).startswith("orders  shop  running  7 min 00 s")


def night(fetched: int, total: int | None, **carried: int) -> dict[str, Any]:
    """A completed run of an incremental source."""
    ending = {"fetched": fetched, "enqueued": fetched, "rejected": 0, "failed": 0, "pending": 0, "source_total": total}
    counts = COUNTS | ending | {"source_exhausted": True, "chunks_done": 1, "chunks_total": 1}
    incremental = {"known": 0, "outside": 0, "moved": True} | carried
    return RUN | {"status": "completed", "progress": counts, "report": ending | {"incremental": incremental}}


@pytest.mark.parametrize(
    ("run", "fetched", "enqueued"),
    [
        (night(3, 5, known=2), "fetched 3 of 5 (2 known from the run before)", "enqueued 3/3"),
        (
            night(0, 3, known=2, outside=1),
            "fetched 0 of 3 (2 known from the run before, 1 outside of the range)",
            "enqueued 0/0",
        ),
        (night(3, None, known=2), "fetched 3 (2 known from the run before)", "enqueued 3/3"),
    ],
)
def test_items_that_the_run_before_had_do_not_look_like_loss(run: dict[str, Any], fetched: str, enqueued: str) -> None:
    assert f"{'█' * 40}  100 %  {fetched}\n" in shown(run, width=140)
    assert enqueued in line(run)
    assert report(run)[1].startswith(f"{fetched} = enqueued")


def test_items_that_are_missing_still_look_like_loss() -> None:
    assert "  60 %  fetched 3 of 7 (2 known from the run before)" in shown(night(3, 7, known=2), width=140)


def test_the_range_of_a_run_and_its_watermark_are_shown() -> None:
    read = {"from": "2026-11-24", "to": "2026-11-25", "known": 2, "outside": 0}
    assert carried({**read, "moved": True, "watermark": "2026-11-25"}) == {
        "range": "2026-11-24 to 2026-11-25", "watermark": "2026-11-25 (moved by this run)",
    }  # fmt: skip
    assert carried({**read, "from": None, "moved": False, "watermark": None, "reason": "no item came"}) == {
        "range": "the beginning to 2026-11-25", "watermark": "not moved: no item came",
    }  # fmt: skip
    assert carried({}) == {}


def test_a_console_without_unicode_gets_letters() -> None:
    assert shown(RUN, ascii_only=True).isascii()


def test_a_run_that_nobody_has_taken_up_is_shown() -> None:
    run = RUN | {"status": "pending", "progress": None, "rate": None, "estimate": None}
    assert "no worker has started it yet" in shown(run)
    assert line(run) == "pending"


def test_a_wait_says_why_and_counts_down() -> None:
    wait = {"waiting_for": "source", "reason": "HTTP 429", "attempts": 2}
    ends = {"wait_until": "2026-01-05T06:12:05+00:00", "patience_until": "2026-01-05T07:10:00+00:00"}
    run = RUN | {"status": "waiting", "progress": COUNTS | wait | ends}
    answer = waits(run, NOW)
    assert answer.startswith("the source asks to wait (HTTP 429, 2 attempts): next request in 2 min 05 s (")
    assert "; the run waits at most 1 h 00 min (" in answer
    assert "in 1 min 05 s (" in waits(run, NOW + timedelta(minutes=1))
    assert "in 0.0 s (" in waits(run, NOW + timedelta(minutes=3)), "never a time that has passed"
    held = RUN | {"status": "held", "progress": COUNTS | {"changes": "source shop: items changed"}}
    assert waits(held, NOW) == "held because this has changed: source shop: items changed; sluice resume accepts it"


def away(status: str, **changed: Any) -> dict[str, Any]:
    times = {"wait_until": "2026-01-05T06:10:21+00:00", "patience_until": "2026-01-05T06:15:21+00:00"}
    wait = {"waiting_for": "outage", "reason": "no answer in 10 seconds", "attempts": 5, "pending": 0, **times}
    return RUN | {"status": status, "progress": COUNTS | wait | changed}


def test_a_run_whose_source_is_away_says_so_also_while_it_asks_again() -> None:
    run = away("running", wait_until="2026-01-05T06:09:50+00:00")
    why = "the source is not available (no answer in 10 seconds, 5 attempts): the run asks again now"
    assert waits(run, NOW).startswith(why)
    assert why in " ".join(shown(run, width=200).split())
    assert "/s" not in shown(run), "no rate"
    assert "left" not in shown(run)
    assert "1,234/s" in shown(away("running", pending=1)), "it still sends what it has"
    assert "next request in 21" in waits(away("running", pending=1), NOW)


def test_a_run_never_names_a_time_before_which_it_gives_up_when_it_does_not() -> None:
    assert "if no page comes, the run gives up after 5 min 21 s (" in waits(away("waiting"), NOW)
    last = away("waiting", patience_until="2026-01-05T06:10:21+00:00")
    assert waits(last, NOW).endswith("); if no page comes, the run gives up")


def test_the_end_has_a_few_lines_with_what_to_do_next() -> None:
    failures = [{"chunk": number, "failed": 1000, "error": "HTTP 403\nmore"} for number in range(2)]
    failures.append({"chunk": 2, "failed": 1000, "error": "HTTP 413"})
    answer = {
        "fetched": 700_000, "enqueued": 694_990, "rejected": 10, "failed": 5_000, "pending": 0, "seconds": 361.0,
        "failures": failures, "chunks_failed": 5, "possible_duplicates": 3, "warnings": [{"message": "other total"}],
    }  # fmt: skip
    run = RUN | {"status": "completed_with_failures", "report": answer, "actions": ["redrive", "delete"]}
    assert report(run) == [
        "orders  completed_with_failures after 6 min 01 s",
        "fetched 700,000 = enqueued 694,990 + rejected 10 + failed 5,000 + pending 0",
        "chunks 0, 1: 2,000 failed: HTTP 403 more", "chunk 2: 1,000 failed: HTTP 413", "and 2 more chunks",
        "up to 3 messages may be on the queue twice", "warning: other total",
    ]  # fmt: skip
    assert next_steps(run) == [
        ("failures", "shows the failed messages, by reason"),
        ("rejected", "shows the messages that no queue accepts"),
        ("redrive", "does what is left, after you have removed the cause"),
    ]


@pytest.mark.parametrize("status", ["completed_with_other_total", "failed"])
def test_a_run_with_another_total_names_the_way_out_and_the_difference_once(status: str) -> None:
    differs = "the source said that it has 26 items, and gave 25"
    error = f"{differs}. Every message was sent or rejected" if status == "failed" else None
    answer = {"failed": 0, "rejected": 0, "warnings": [{"message": differs}]}
    run = RUN | {"status": status, "report": answer, "error": error, "actions": ["delete"]}
    assert [command for command, _ in next_steps(run)] == ["start"]
    assert " ".join(report(run)).count(differs) == 1


def test_the_failures_of_a_run_that_failed_without_one_name_the_cause() -> None:
    assert no_failures(RUN) == "no message failed"
    assert no_failures(RUN | {"error": "HTTP 401"}) == "no message failed; the run did: HTTP 401"
    assert no_failures(RUN | {"report": {"error": "HTTP 401"}}) == "no message failed; the run did: HTTP 401"


def lines_of(*looks: dict[str, Any], seconds: float = 0.0) -> list[str]:
    text = io.StringIO()
    with pytest.MonkeyPatch.context() as monkeypatch, Display(Console(file=text, width=20)) as display:
        monkeypatch.setattr("terminal.display.LINE_SECONDS", seconds)
        for look in looks:
            display.show_run(look)
    return text.getvalue().splitlines()


def test_off_a_terminal_a_line_is_never_wrapped_and_comes_only_when_it_is_new_and_due() -> None:
    later = RUN | {"progress": COUNTS | {"enqueued": 600_000}}
    first = "running   enqueued 500,000/1,000,000  rejected 10  failed 5,000  101/140 chunks  1,234/s"
    assert lines_of(RUN, RUN)[0].startswith(first)
    assert len(lines_of(RUN, RUN)) == 1
    assert len(lines_of(RUN, later)) == 2
    assert len(lines_of(RUN, later, seconds=60)) == 1
    assert len(lines_of(RUN, later | {"status": "paused"}, seconds=60)) == 2, "another status is shown at once"


def test_nothing_steers_the_terminal() -> None:
    assert clean("a\x1b[2Jb\x9b\r\nc \u202e é") == "a\\x1b[2Jb\\x9b\\r\\nc \\u202e é"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "?"), (0.25, "0.2 s"), (42.4, "42 s"), (60, "1 min 00 s"), (3661, "1 h 01 min"), (200_000, "2 d 7 h")],
)
def test_a_time_span_has_its_two_largest_units(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
