"""A source that is due every night, on devhost: its runs start on schedule, one at a time."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.demo.stack import DEMO_SOURCES
from tests.app_host import ROOT
from tests.e2e.rig import IDS, Host, Rig

TWO = datetime(2026, 1, 1, 2, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def nightly(rig: Rig, caplog: pytest.LogCaptureFixture) -> Rig:
    caplog.set_level(logging.INFO, "sluice")
    describe(rig)
    rig.settings["SLUICE_SOURCES"] = str(rig.folder / "sources.toml")
    return rig


def describe(rig: Rig, *keys: str) -> None:
    """Make the demo source due at two every night."""
    described = "\n".join(['[demo]\nschedule = "0 0 2 * * *"', *keys])
    text = (ROOT / DEMO_SOURCES).read_text(encoding="utf-8")
    (rig.folder / "sources.toml").write_text(text.replace("[demo]", described, 1), encoding="utf-8")


@contextmanager
def served(rig: Rig) -> Iterator[Host]:
    """The app, with its host's clock."""
    with rig.host(time_flies=False) as host:
        rig.monkeypatch.setattr("ingestion.clock.now", host.app.clock.now)
        yield host


def to(host: Host, moment: datetime) -> None:
    """Set the clock, and wait until nothing more happens."""
    host.app.advance(moment - host.app.clock.now())
    host.app.rest()


def tick_again(host: Host) -> None:
    """Fire the timer once more at the same time."""

    async def call() -> None:
        host.app.host.timers.call_now("start_due")

    host.app.call(call())
    host.app.rest()


def reasons(caplog: pytest.LogCaptureFixture) -> list[Any]:
    records = [vars(it) for it in caplog.records]
    return [(it["due"][8:10], it["reason"]) for it in records if it.get("action") == "schedule_skipped"]


def test_a_nightly_source_is_read_each_night_once_also_if_the_timer_fires_twice(nightly: Rig) -> None:
    with served(nightly) as host:
        to(host, TWO - MINUTE)
        for night in range(3):
            to(host, TWO + night * DAY)
            tick_again(host)
            to(host, TWO + night * DAY + MINUTE)
            run = host.look(f"demo-2026010{1 + night}T020000Z")
            assert (run["status"], run["report"]["enqueued"]) == ("completed", IDS)
            assert run["started_at"].startswith(f"2026-01-0{1 + night}T02:00:00")
        requests = [name for name in nightly.blobs() if name.endswith("request.json")]
        assert len(requests) == 3
        assert nightly.read_back().duplicates == 2 * IDS


def test_an_app_that_was_down_at_two_starts_the_run_when_it_is_back(nightly: Rig) -> None:
    with served(nightly) as host:
        to(host, TWO - MINUTE)
    with served(nightly) as host:
        to(host, TWO + timedelta(hours=7))
        assert host.look("demo-20260101T020000Z")["status"] == "completed"
    with served(nightly) as host:
        to(host, TWO + timedelta(hours=8))
        assert len([name for name in nightly.blobs() if name.endswith("request.json")]) == 1


@pytest.mark.parametrize("if_running", ["skip", "queue"])
def test_a_run_that_a_person_has_started_and_paused_is_never_joined_by_another(
    nightly: Rig, caplog: pytest.LogCaptureFixture, if_running: str
) -> None:
    describe(nightly, f'if_running = "{if_running}"')
    with served(nightly) as host:
        to(host, TWO - MINUTE)
        host.start_held(8, run_id="by-hand")
        host.ask("pause", "by-hand")
        nightly.gate.open()
        host.wait_for("paused", "by-hand")
        for night in range(2):
            to(host, TWO + night * DAY)
        assert host.http.get("/api/runs/demo-20260101T020000Z").status_code == 404
        assert reasons(caplog) == (
            [("01", "running"), ("02", "running")] if if_running == "skip" else [("02", "one_waits")]
        )
        host.ask("resume", "by-hand")
        assert host.wait("by-hand")["status"] == "completed"
        host.app.rest()
        to(host, TWO + DAY + MINUTE)
        found = [name.split("/")[1] for name in nightly.blobs() if name.endswith("request.json")]
        assert sorted(found) == ["by-hand", *(["demo-20260101T020000Z"] if if_running == "queue" else [])]
        to(host, TWO + 2 * DAY)
        assert host.wait("demo-20260103T020000Z")["status"] == "completed"
