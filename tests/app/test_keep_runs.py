"""The keeper's timer runs as often as the setting says, or not at all; no value prevents the app from loading."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import clients.keep_runs as module
from clients.keep_runs import schedule
from ingestion.open_storage import close_storage
from ingestion.settings import KEEPER_SECONDS, keeper_seconds
from local.devhost.timer.schedule import Schedule
from tests.app.engine import Engine
from tests.app.kept import actions
from tests.app_host import NO_STORAGE, sluice


@pytest.mark.parametrize("seconds", KEEPER_SECONDS[1:])
def test_the_timer_comes_every_so_many_seconds(seconds: int) -> None:
    """For two hours, to find a gap at the turn of a minute or an hour."""
    due = Schedule(schedule(seconds))
    moment = due.next_after(datetime(2026, 1, 1, tzinfo=UTC))
    for _ in range(7_200 // seconds):
        following = due.next_after(moment)
        assert following - moment == timedelta(seconds=seconds)
        moment = following


@pytest.mark.parametrize(
    ("given", "seconds"), [("", 60), ("30", 30), ("3600", 3600), ("0", 0), ("7", 60), ("often", 60), ("²", 60)]
)
def test_a_setting_that_no_schedule_can_be_made_of_counts_as_the_default_when_the_app_is_loaded(
    given: str, seconds: int
) -> None:
    assert keeper_seconds({"SLUICE_KEEPER_SECONDS": given}) == seconds


@pytest.mark.parametrize(("given", "timers"), [("0", []), ("20", ["keep_runs"]), ("7", ["keep_runs"])])
def test_the_app_has_the_keeper_unless_it_is_switched_off(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str, timers: list[str]
) -> None:
    with sluice(monkeypatch, tmp_path, SLUICE_KEEPER_SECONDS=given) as (app, _):
        assert [function.name for function in app.host.index.timers] == timers


@pytest.mark.parametrize("settings", [{"SLUICE_KEEPER_SECONDS": "7"}, {"AzureWebJobsStorage": NO_STORAGE}])
async def test_a_keeper_that_cannot_look_says_why_and_does_not_fail(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, settings: dict[str, str]
) -> None:
    monkeypatch.setattr("ingestion.storage.account._RETRY", {"retry_total": 0})
    for name, value in {"AzureWebJobsStorage": NO_STORAGE, **settings}.items():
        monkeypatch.setenv(name, value)
    keep_runs: Any = module.keep_runs._function.get_user_function().client_function
    try:
        await keep_runs(timer=None, client=Engine())
    finally:
        await close_storage()
    assert actions(caplog) == [("WARNING", "keeper_hindered")]
