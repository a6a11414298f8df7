"""A run waits for a source that limits requests or is not available, and nothing runs meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from ingestion.run.run_state import CANCEL
from orchestrators.waiting import EARLY, LOOK_AFTER
from tests.e2e.rig import Host, Rig

DESCRIPTION = """
[slow]
url = "%SLUICE_SLOW_URL%"
items = "items"
attempts = 1
pagination = { style = "cursor", read = "next", send = "cursor" }
"""


@pytest.fixture
def port(rig: Rig, tmp_path: Path) -> int:
    """The port of the source of the test's runs."""
    port, sources = unused_port(), tmp_path / "sources.toml"
    sources.write_text(DESCRIPTION)
    rig.settings = {
        "SLUICE_SOURCES": str(sources),
        "SLUICE_SLOW_URL": f"http://127.0.0.1:{port}/",
        "SLUICE_SOURCE_PATIENCE_SECONDS": "600",
    }
    return port


@contextmanager
def source_at(host: Host, port: int, refused: int = 0) -> Iterator[list[int]]:
    """Serve two pages, and refuse the second one this often with a wait of two hours; yield the sent status codes."""
    answered: list[int] = []

    async def page(request: web.Request) -> web.Response:
        is_second = "cursor" in request.query
        answered.append(429 if is_second and answered.count(429) < refused else 200)
        if answered[-1] == 429:
            return web.Response(status=429, headers={"Retry-After": "7200"})
        return web.json_response({"items": ["b"]} if is_second else {"items": ["a"], "next": "2"})

    app = web.Application()
    app.router.add_get("/", page)
    server = TestServer(app, port=port)
    host.app.call(server.start_server())
    yield answered
    host.app.call(server.close())


def begin(host: Host) -> None:
    assert host.start(source="slow").status_code == 202
    host.app.rest()


def under_way(host: Host) -> int:
    """Return the number of the run's activities that are in flight."""
    kinds = [event["EventType"] for event in host.app.history("run")]
    return kinds.count(4) - kinds.count(5) - kinds.count(6)  # TaskScheduled, TaskCompleted, TaskFailed


def test_a_two_hour_retry_after_is_a_durable_timer_while_no_activity_runs(rig: Rig, port: int) -> None:
    with rig.host(time_flies=False) as host, source_at(host, port, refused=1) as answered:
        begin(host)
        for _ in range(7):
            host.app.advance(timedelta(minutes=17))  # two hours but a minute
            host.app.rest()
            assert answered == [200, 429], "not asked again before its time"
            assert under_way(host) == 0
        assert host.look()["status"] == "waiting"
        host.app.advance(timedelta(minutes=2))
        report = host.wait()["report"]
        assert answered == [200, 429, 200]
        assert (report["outcome"], report["fetched"], report["enqueued"]) == ("completed", 2, 2)


def test_a_cancel_whose_event_was_lost_is_found_by_a_run_that_waits(rig: Rig, port: int) -> None:
    with rig.host(time_flies=False) as host, source_at(host, port, refused=1) as answered:
        begin(host)
        rig.command(CANCEL)
        host.app.advance(LOOK_AFTER)
        assert host.wait()["status"] == "cancelled"
        assert answered == [200, 429]


def test_a_source_that_is_away_at_the_start_is_waited_for_and_the_run_completes_when_it_comes(
    rig: Rig, port: int
) -> None:
    with rig.host(time_flies=False) as host:
        begin(host)
        run = host.look()
        assert run["status"] == "waiting"
        progress = run["progress"]
        assert (progress["waiting_for"], progress["reason"], progress["attempts"]) == (
            "outage",
            "connection refused",
            1,
        )
        asked_next, gives_up = (datetime.fromisoformat(progress[key]) for key in ("wait_until", "patience_until"))
        assert gives_up - asked_next == pytest.approx(timedelta(seconds=585), abs=timedelta(seconds=2))

        host.app.advance(timedelta(seconds=16))
        host.app.rest()
        assert host.look()["progress"]["attempts"] == 2, "asked again, and still away"
        with source_at(host, port):
            host.app.advance(timedelta(minutes=5))
            run = host.wait()
        assert (run["report"]["outcome"], run["report"]["enqueued"]) == ("completed", 2)
        assert "waiting_for" not in run["progress"]


def test_a_source_that_stays_away_ends_the_run_when_its_patience_is_spent_with_what_to_check(
    rig: Rig, port: int
) -> None:
    with rig.host(time_flies=False) as host:
        begin(host)
        gives_up = datetime.fromisoformat(host.look()["progress"]["patience_until"])
        while (run := host.look())["status"] == "waiting":
            assert host.app.clock.now() < gives_up
            until = datetime.fromisoformat(run["progress"]["wait_until"]) + EARLY
            host.app.advance(until - host.app.clock.now())
            host.app.rest()
        assert host.app.clock.now() == pytest.approx(gives_up, abs=timedelta(seconds=20))
        assert run["status"] == "failed"
        assert f"http://127.0.0.1:{port}/ has given no page for" in run["error"]
        assert "it may be away for 600 (SLUICE_SOURCE_PATIENCE_SECONDS" in run["error"]
        assert "At last: connection refused. Check the url" in run["error"]

        assert host.ask("redrive").status_code == 202
        host.app.rest()
        assert host.look()["status"] == "waiting", "a redrive brings the whole patience"
        with source_at(host, port):
            host.app.advance(timedelta(seconds=16))
            assert host.wait()["report"]["enqueued"] == 2
