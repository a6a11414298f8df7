"""Timer-triggered functions with a clock that the test controls; their arguments are as in the golden admin.json."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.devhost.errors import AppLoadError
from local.devhost.hub.clock import VirtualClock
from local.devhost.testing import RunningApp, running_app
from tests.devhost.app_folder import write_app

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SOURCE = """
    import asyncio
    import json
    import os

    app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    calls = []
    gate = asyncio.Event()
    gate.set()

    @app.timer_trigger(schedule="0 * * * * *", arg_name="timer")
    def minutely(timer: func.TimerRequest) -> None:
        calls.append(["minutely", timer.past_due, timer.schedule, timer.schedule_status])

    @app.timer_trigger(schedule="0 0 0 1 1 *", arg_name="timer", run_on_startup=True)
    def at_start(timer: func.TimerRequest) -> None:
        calls.append(["at_start", timer.past_due, timer.schedule, timer.schedule_status])

    @app.timer_trigger(schedule="*/30 * * * * *", arg_name="timer", use_monitor=False)
    async def held(timer: func.TimerRequest) -> None:
        calls.append(["held", timer.past_due, timer.schedule, timer.schedule_status])
        await gate.wait()

    @app.timer_trigger(schedule="0 30 0 * * *", arg_name="timer")
    @app.durable_client_input(client_name="client")
    async def starts(timer: func.TimerRequest, client) -> None:
        await client.start_new("wait", "by-timer")

    @app.timer_trigger(schedule="0 45 * * * *", arg_name="timer")
    def broken(timer: func.TimerRequest) -> None:
        calls.append(["broken"])
        raise ValueError("timer broken")

    @app.orchestration_trigger(context_name="context")
    def wait(context: df.DurableOrchestrationContext):
        from datetime import timedelta
        yield context.create_timer(context.current_utc_datetime + timedelta(hours=2))

    @app.route(route="calls")
    def show(req: func.HttpRequest) -> str:
        return func.HttpResponse(json.dumps(calls))

    @app.route(route="gate")
    async def turn_gate(req: func.HttpRequest) -> str:
        gate.clear() if gate.is_set() else gate.set()
        return "turned"
"""
NEVER = "0001-01-01T00:00:00+00:00"
Serve = Callable[..., AbstractContextManager[RunningApp]]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    (tmp_path / "app").mkdir()
    folder = write_app(tmp_path / "app", SOURCE)

    def run(start: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC), *, automatic: bool = False) -> Any:
        clock = VirtualClock(start, automatic=automatic)
        return running_app(folder, clock=clock, state_file=tmp_path / "s.db")

    return run


def calls(app: RunningApp, name: str) -> list[Any]:
    return [call[1:] for call in httpx.get(f"{app.url}/api/calls").json() if call[0] == name]


def test_only_a_timer_that_asks_for_it_is_called_at_the_start_and_once(serve: Serve) -> None:
    with serve() as app:
        app.rest()
        status = {"Last": NEVER, "Next": "2027-01-01T00:00:00+00:00", "LastUpdated": NEVER}
        assert calls(app, "at_start") == [[False, {"AdjustForDST": True}, status]]
        assert calls(app, "minutely") == []
        assert calls(app, "held") == []


def test_a_timer_is_called_at_its_due_time_and_not_before(serve: Serve) -> None:
    with serve() as app:
        app.advance(timedelta(seconds=59))
        app.rest()
        assert calls(app, "minutely") == []
        app.advance(timedelta(seconds=1))
        app.rest()
        (first,) = calls(app, "minutely")
        assert first[2] == {"Last": NEVER, "Next": "2026-01-01T12:01:00+00:00", "LastUpdated": NEVER}
        app.advance(MINUTE)
        app.rest()
        _, second = calls(app, "minutely")
        assert second[2]["Last"].startswith("2026-01-01T12:01:00")
        assert second[2]["Next"] == "2026-01-01T12:02:00+00:00"


def test_a_jump_over_several_due_times_costs_one_call(serve: Serve) -> None:
    with serve() as app:
        for step in (2 * HOUR, MINUTE):
            app.advance(step)
            app.rest()
        assert [call[2]["Next"] for call in calls(app, "minutely")] == [
            "2026-01-01T12:01:00+00:00",
            "2026-01-01T14:01:00+00:00",
        ]
        assert [call[0] for call in calls(app, "minutely")] == [False, False]


def test_timers_do_not_move_an_automatic_clock_but_a_durable_timer_passes_their_due_times(serve: Serve) -> None:
    with serve(automatic=True) as app:
        app.rest()
        assert calls(app, "minutely") == []
        app.result(app.start("wait"))
        app.rest()
        assert len(calls(app, "minutely")) == 1


def test_a_timer_that_still_runs_is_not_called_a_second_time_and_then_makes_up_once(serve: Serve) -> None:
    with serve() as app:
        httpx.get(f"{app.url}/api/gate")
        for _ in range(5):
            app.advance(MINUTE)
        assert len(calls(app, "held")) == 1
        httpx.get(f"{app.url}/api/gate")
        app.rest()
        assert len(calls(app, "held")) == 2
        assert calls(app, "held")[1] == [False, {"AdjustForDST": True}, {}]  # the host keeps no status of it


def test_a_timer_starts_an_orchestration_and_rest_waits_for_both(serve: Serve) -> None:
    with serve(datetime(2026, 1, 1, 0, 29, tzinfo=UTC)) as app:
        app.advance(MINUTE)
        app.rest()
        instance = app.call(app.hub.get("by-timer"))
        assert instance is not None
        assert instance.status == "Running"


def test_a_timer_that_fails_is_named_and_called_again(serve: Serve) -> None:
    with serve() as app:
        for _ in range(2):
            app.advance(HOUR)
            app.rest()
        assert len(calls(app, "broken")) == 2
        assert len([line for line in app.lines if "function broken failed: " in line]) == 2


def test_a_call_by_hand_does_not_change_a_timer_s_schedule(serve: Serve) -> None:
    with serve() as app:
        assert httpx.post(f"{app.url}/admin/functions/MINUTELY", json={"input": None}).status_code == 202
        app.rest()
        app.advance(MINUTE)
        app.rest()
        status = {"Last": NEVER, "Next": "2026-01-01T12:01:00+00:00", "LastUpdated": NEVER}
        assert [call[2] for call in calls(app, "minutely")] == [status, status]


@pytest.mark.parametrize(("minutes", "past_due"), [(1, []), (2, [True])])
def test_a_due_time_that_passes_while_devhost_is_down_is_made_up_for_at_the_start(
    serve: Serve, minutes: int, past_due: list[bool]
) -> None:
    with serve(datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)) as app:
        app.advance(MINUTE)  # called at 12:01:30
        app.rest()
        assert len(calls(app, "minutely")) == 1
    with serve(datetime(2026, 1, 1, 12, 0, 45, tzinfo=UTC) + minutes * MINUTE) as app:
        app.rest()
        assert [call[0] for call in calls(app, "minutely")] == past_due


def test_a_schedule_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    source = SOURCE.replace("0 30 0 * * *", "%NIGHT%")
    with pytest.raises(AppLoadError, match="function starts: cannot use schedule '%NIGHT%': devhost reads NCRONTAB"):
        running_app(write_app(tmp_path, source), state_file=tmp_path / "s.db").__enter__()
