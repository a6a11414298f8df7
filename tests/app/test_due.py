"""What a schedule starts and does not start: each rule of docs/sources.md, on real storage."""

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError

import clients.start_due as start_due_module
from clients.due import start_all_due
from clients.redrive_run import redrive_run
from clients.start_run import start_run
from ingestion.errors import StorageUnavailable
from ingestion.open_storage import close_storage
from ingestion.run import open_runs, scheduling
from ingestion.run.request import read_request
from ingestion.settings import load_settings
from tests.app.engine import HUB, Engine
from tests.app.kept import Kept
from tests.app_host import NO_STORAGE, sluice

REST = 'url = "http://127.0.0.1:1"\nitems = ""\npagination = { style = "none" }\n'
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
TWO = datetime(2026, 11, 25, 2, tzinfo=UTC)
AT_TWO = "demo-20261125T020000Z"
Records = list[tuple[str, str]]


@dataclass
class Nightly:
    """A source that is due at two every night, and the calls that look for due sources."""

    kept: Kept
    file: Path
    caplog: pytest.LogCaptureFixture

    def describe(self, *keys: str, schedule: str = "0 0 2 * * *", source: str = "demo", rest: str = REST) -> None:
        lines = [f'["{source}"]', f'schedule = "{schedule}"', *keys, rest]
        self.file.write_text("\n".join(lines))

    async def look(self, at: datetime = TWO, *, engine: Any = None) -> None:
        engine = engine or self.kept.engine
        await start_all_due(engine, load_settings(), self.kept.storage, at)

    async def begun(self, *keys: str, at: datetime = TWO - MINUTE, **described: str) -> None:
        """Return a schedule that was looked at before."""
        self.describe(*keys, **described)
        await self.look(at)
        self.caplog.clear()

    async def end(self, run_id: str) -> None:
        """End a running run, and close its ledger."""
        self.kept.engine.instances[run_id]["runtimeStatus"] = "Completed"
        await open_runs.forget(self.kept.container, run_id)

    async def disturbance(self, what: str, run_id: str) -> None:
        """Something between two requests; do not wait for another look if it would wait for this one's lock."""
        if what.startswith("another look"):
            with suppress(ResourceNotFoundError):
                if await self.kept.is_locked(run_id):
                    return
            await self.look()
        if what.endswith(("death", "dies")):
            await self.kept.connection.die()
        if what == "lost answer":
            await self.kept.connection.lose_answer()

    @property
    def started(self) -> list[str]:
        return [run_id for run_id, _ in self.kept.engine.starts]

    @property
    def logged(self) -> list[tuple[Any, ...]]:
        """Return action, due time and reason of each log record about a schedule."""
        facts = [vars(it) for it in self.caplog.records if str(vars(it).get("action")).startswith("schedule_")]
        return [(it["action"], it["due"][8:16] if "due" in it else None, it.get("reason")) for it in facts]

    async def state(self, source: str = "demo") -> dict[str, Any]:
        blob = await self.kept.container.download_blob(f"schedules/{source}.json")
        state: dict[str, Any] = json.loads(await blob.readall())
        return state


@pytest.fixture
def nightly(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Nightly:
    file = tmp_path / "sources.toml"
    monkeypatch.setenv("SLUICE_SOURCES", str(file))
    caplog.set_level(logging.INFO, "sluice")
    return Nightly(kept, file, caplog)


async def test_a_source_is_started_when_it_is_due_once_under_an_id_made_of_source_and_due_time(
    nightly: Nightly,
) -> None:
    nightly.describe()
    await nightly.look(TWO - MINUTE)
    assert (nightly.started, nightly.logged) == ([], [("schedule_begun", "25T02:00", None)])
    for late in range(3):
        await nightly.look(TWO + late * MINUTE)
    assert nightly.started == [AT_TWO]
    assert nightly.logged[1:] == [("schedule_started", "25T02:00", None)]
    await nightly.end(AT_TWO)
    await nightly.look(TWO + DAY)
    assert nightly.started == [AT_TWO, "demo-20261126T020000Z"]


async def test_a_schedule_begins_when_it_is_first_seen_so_nothing_before_that_was_missed(nightly: Nightly) -> None:
    nightly.describe()
    await nightly.look(TWO + MINUTE)
    await nightly.look(TWO + 2 * MINUTE)
    assert nightly.started == []


async def test_the_first_look_of_an_app_makes_the_container(nightly: Nightly) -> None:
    await nightly.kept.container.delete_container()
    await nightly.begun()
    await nightly.look()
    assert nightly.started == [AT_TWO]


async def test_a_look_that_finds_nothing_due_reads_one_blob_and_writes_none(nightly: Nightly) -> None:
    await nightly.begun()
    before, connection = await nightly.state(), nightly.kept.connection
    connection.requests = 0
    await nightly.look(TWO - MINUTE)
    assert connection.requests == 1
    assert await nightly.state() == before


@pytest.mark.parametrize("what", ["death", "lost answer", "another look", "another look that dies"])
async def test_whatever_happens_between_two_requests_of_a_look_a_due_time_is_one_run(
    nightly: Nightly, what: str
) -> None:
    """It happens at each request to storage of the look at which the source is due, one request per try."""
    kept = nightly.kept

    async for source in kept.at_each_request(more_than=10):
        run_id = f"{source}-20261125T020000Z"
        await nightly.begun(source=source)
        await kept.interrupted(nightly.look(), by=nightly.disturbance(what, run_id))
        await kept.break_lock(run_id)
        for late in range(1, 3):
            await nightly.look(TWO + late * MINUTE)
        assert [it for it in nightly.started if it.startswith(f"{source}-")] == [run_id]
        assert (await nightly.state(source))["until"] == "2026-11-25T02:00:00Z"
        assert not any(action == "schedule_skipped" for action, _, _ in nightly.logged)
        assert ("schedule_started", "25T02:00", None) in nightly.logged


@pytest.mark.parametrize("what", ["death", "another look"])
async def test_a_postponed_due_time_becomes_one_run_whatever_happens_to_the_look(nightly: Nightly, what: str) -> None:
    kept = nightly.kept
    async for source in kept.at_each_request(more_than=5):
        await nightly.begun('if_running = "queue"', source=source)
        await open_runs.enter(kept.container, f"by-hand-{source}", HUB, TWO, source=source)
        run_id = f"{source}-20261125T020000Z"
        await kept.interrupted(nightly.look(), by=nightly.disturbance(what, run_id))
        await nightly.look(TWO + MINUTE)
        assert not any(it.startswith(f"{source}-") for it in nightly.started)
        await open_runs.forget(kept.container, f"by-hand-{source}")
        await kept.interrupted(nightly.look(TWO + 2 * MINUTE), by=nightly.disturbance(what, run_id))
        await kept.break_lock(run_id)
        await nightly.look(TWO + 3 * MINUTE)
        assert [it for it in nightly.started if it.startswith(f"{source}-")] == [run_id]
        assert "waits" not in await nightly.state(source)


async def test_a_late_note_does_not_undo_the_note_of_another_look(nightly: Nightly) -> None:
    await nightly.begun()
    container = nightly.kept.container
    await scheduling.handle(container, "demo", TWO)
    await scheduling.let_wait(container, "demo", TWO)
    assert "waits" not in await nightly.state()
    for later in (DAY, 2 * DAY):
        await scheduling.let_wait(container, "demo", TWO + later)
    await scheduling.handle(container, "demo", TWO)
    state = await nightly.state()
    assert (state["until"], state["waits"]) == ("2026-11-27T02:00:00Z", "2026-11-26T02:00:00Z")


async def test_two_instances_at_the_same_moment_start_one_run(nightly: Nightly) -> None:
    await nightly.begun()
    await asyncio.gather(*(nightly.look() for _ in range(4)))
    await nightly.look(TWO + MINUTE)
    assert nightly.started == [AT_TWO]


async def test_what_was_started_and_not_noted_is_no_miss_after_a_long_absence(
    nightly: Nightly, monkeypatch: pytest.MonkeyPatch
) -> None:
    await nightly.begun('if_missed = "skip"')
    with monkeypatch.context() as patch:
        patch.setattr("ingestion.run.scheduling.handle", None)
        await nightly.look()
    await nightly.end(AT_TWO)
    await open_runs.enter(nightly.kept.container, "by-hand", HUB, TWO, source="demo")
    nightly.caplog.clear()
    await nightly.look(TWO + timedelta(hours=3))
    assert nightly.started == [AT_TWO]
    assert nightly.logged == [("schedule_started", "25T02:00", None)]


@pytest.mark.parametrize("status", ["Pending", "Running", "Suspended", "Failed", None])
async def test_an_open_run_of_the_source_skips_a_due_time_whatever_its_status(
    nightly: Nightly, status: str | None
) -> None:
    """Its instance has failed or is gone, and its ledger is open: the keeper will restart it."""
    await nightly.begun()
    await nightly.kept.begun("by-hand")
    nightly.kept.engine.has(status, "by-hand")
    await nightly.look()
    await open_runs.forget(nightly.kept.container, "by-hand")
    await nightly.look(TWO + MINUTE)
    assert (nightly.started, nightly.logged) == ([], [("schedule_skipped", "25T02:00", "running")])
    await nightly.look(TWO + DAY)
    assert nightly.started == ["demo-20261126T020000Z"]


async def test_a_run_of_another_source_and_a_backfill_are_in_no_way(nightly: Nightly) -> None:
    await nightly.begun()
    await open_runs.enter(nightly.kept.container, "other", HUB, TWO, source="other")
    await open_runs.enter(nightly.kept.container, "backfill", HUB, TWO, source="demo", backfill=True)
    await nightly.look()
    assert nightly.started == [AT_TWO]


async def test_the_index_knows_the_source_of_a_run_after_its_start_a_look_and_a_redrive(nightly: Nightly) -> None:
    nightly.describe()
    kept = nightly.kept
    assert await kept.ask(start_run, "by-hand") == 202
    entry = await kept.entry("by-hand")
    assert entry is not None
    assert (entry.source, entry.backfill) == ("demo", False)
    await open_runs.enter(kept.container, "backfill", HUB, TWO, source="demo", backfill=True)
    entry = await kept.entry("backfill")
    assert entry is not None
    noted = await open_runs.note(kept.container, entry, found=entry.found, reported="since then")
    assert noted is not None
    assert await kept.entry("backfill") == noted
    assert (noted.source, noted.backfill, noted.reported) == ("demo", True, "since then")
    await kept.begun("failed")
    await open_runs.forget(kept.container, "failed")
    kept.engine.has("Failed", "failed", output="a crash")
    assert await kept.ask(redrive_run, "failed") == 202
    entry = await kept.entry("failed")
    assert entry is not None
    assert entry.source == "demo"


async def test_with_queue_one_due_time_waits_for_the_open_run_and_further_ones_are_skipped(nightly: Nightly) -> None:
    await nightly.begun('if_running = "queue"', schedule="0 0 * * * *")
    await nightly.kept.begun("by-hand")
    for hours in range(3):
        await nightly.look(TWO + timedelta(hours=hours))
    assert nightly.logged == [
        ("schedule_waits", "25T02:00", None),
        ("schedule_skipped", "25T03:00", "one_waits"),
        ("schedule_skipped", "25T04:00", "one_waits"),
    ]
    assert nightly.started == []
    await open_runs.forget(nightly.kept.container, "by-hand")
    await nightly.look(TWO + timedelta(hours=2, minutes=30))
    assert nightly.started == [AT_TWO]
    await nightly.look(TWO + timedelta(hours=3))
    assert nightly.logged[3:] == [("schedule_started", "25T02:00", None), ("schedule_waits", "25T05:00", None)]
    await nightly.end(AT_TWO)
    await nightly.look(TWO + timedelta(hours=4))
    assert nightly.started == [AT_TWO, "demo-20261125T050000Z"], "and the one of this hour waits for that one"
    assert nightly.logged[-1] == ("schedule_waits", "25T06:00", None)


async def test_a_postponed_due_time_still_waits_after_a_change_of_the_schedule(nightly: Nightly) -> None:
    await nightly.begun('if_running = "queue"')
    await nightly.kept.begun("by-hand")
    await nightly.look()
    nightly.describe(schedule="0 0 5 * * *")
    await nightly.look(TWO + MINUTE)
    await open_runs.forget(nightly.kept.container, "by-hand")
    await nightly.look(TWO + 2 * MINUTE)
    assert nightly.started == [AT_TWO]


@pytest.mark.parametrize("seconds", [0, 300])
@pytest.mark.parametrize("if_missed", ["run", "skip"])
async def test_a_due_time_that_is_five_minutes_old_is_on_time(nightly: Nightly, if_missed: str, seconds: int) -> None:
    await nightly.begun(f'if_missed = "{if_missed}"')
    await nightly.look(TWO + timedelta(seconds=seconds))
    assert nightly.started == [AT_TWO]


async def test_of_all_that_was_missed_while_the_app_was_down_the_latest_is_run_once(nightly: Nightly) -> None:
    await nightly.begun(at=TWO - 3 * DAY + MINUTE)
    for minutes in (60, 61):
        await nightly.look(TWO + minutes * MINUTE)
    assert (nightly.started, nightly.logged) == ([AT_TWO], [("schedule_started", "25T02:00", None)])
    assert [vars(it)["missed"] for it in nightly.caplog.records if "missed" in vars(it)] == [2]


async def test_a_punctual_due_time_replaces_those_missed_before_it(nightly: Nightly) -> None:
    await nightly.begun(at=TWO - 3 * DAY + MINUTE)
    await nightly.look(TWO + MINUTE)
    assert nightly.started == [AT_TWO]


async def test_with_skip_what_was_missed_is_logged_and_not_run(nightly: Nightly) -> None:
    await nightly.begun('if_missed = "skip"', at=TWO - 3 * DAY + MINUTE)
    for minutes in (6, 7):
        await nightly.look(TWO + minutes * MINUTE)
    assert (nightly.started, nightly.logged) == ([], [("schedule_skipped", "25T02:00", "missed")])
    await nightly.look(TWO + DAY)
    assert nightly.started == ["demo-20261126T020000Z"]


@pytest.mark.parametrize("changed", [{"schedule": "0 0 1 * * *"}, {"zone": 'time_zone = "Etc/GMT-1"'}])
async def test_a_schedule_that_changes_begins_anew_and_has_missed_nothing(
    nightly: Nightly, changed: dict[str, str]
) -> None:
    """From then on the source is due at one o'clock, which was an hour ago."""
    await nightly.begun()
    nightly.describe(changed.get("zone", ""), schedule=changed.get("schedule", "0 0 2 * * *"))
    await nightly.look(TWO + MINUTE)
    await nightly.look(TWO + 2 * MINUTE)
    assert (nightly.started, nightly.logged) == ([], [("schedule_begun", "26T01:00", None)])
    await nightly.look(TWO + DAY - timedelta(hours=1))
    assert nightly.started == ["demo-20261126T010000Z"]


async def test_a_schedule_comes_from_an_app_setting_and_one_that_is_not_set_is_logged(
    nightly: Nightly, monkeypatch: pytest.MonkeyPatch
) -> None:
    nightly.describe('time_zone = "%ZONE%"', schedule="0 0 %HOUR% * * *")
    monkeypatch.setenv("ZONE", "Europe/Berlin")
    await nightly.look(TWO - MINUTE)
    reason = "sources.toml: demo.schedule: the app setting HOUR is not set"
    ((action, due, said),) = nightly.logged
    assert (action, due, said[: len(reason)]) == ("schedule_blocked", None, reason)
    monkeypatch.setenv("HOUR", "3")
    await nightly.look(TWO - MINUTE)
    await nightly.look()
    assert nightly.started == [AT_TWO]


@pytest.mark.parametrize("if_missed", ["run", "skip"])
async def test_a_wrong_description_is_logged_at_each_look_and_started_once_it_is_mended(
    nightly: Nightly, if_missed: str
) -> None:
    await nightly.begun(f'if_missed = "{if_missed}"', rest="colour = 1\n")
    for _ in range(2):
        await nightly.look()
    blocked = "sources.toml: demo.colour: no such key"
    logged = [(*facts, reason.partition("; ")[0]) for *facts, reason in nightly.logged]
    assert logged == [("schedule_blocked", "25T02:00", blocked)] * 2
    assert await read_request(nightly.kept.container, AT_TWO) is None
    nightly.describe(f'if_missed = "{if_missed}"')
    await nightly.look(TWO + 3 * MINUTE)
    await nightly.look(TWO + 4 * MINUTE)
    assert nightly.started == [AT_TWO]


async def test_a_start_for_which_storage_or_the_engine_is_away_is_logged_and_done_by_a_later_look(
    nightly: Nightly, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> None:
        raise StorageUnavailable("storage is away")

    await nightly.begun()
    with monkeypatch.context() as patch:
        patch.setattr("clients.due.start_once", away)
        await nightly.look()
    assert nightly.logged == [("schedule_blocked", "25T02:00", "storage is away")]
    nightly.kept.engine.is_away = True
    await nightly.look(TWO + MINUTE)
    nightly.kept.engine.is_away = False
    assert (nightly.started, [action for action, _, _ in nightly.logged]) == ([], ["schedule_blocked"] * 2)
    await nightly.look(TWO + 2 * MINUTE)
    assert nightly.started == [AT_TWO]


async def test_a_source_that_cannot_be_started_or_whose_name_is_not_allowed_stops_no_other(nightly: Nightly) -> None:
    names = ["demo", "two words", "broken", "state", "other"]
    tables = [f'["{name}"]\nschedule = "0 0 2 * * {"*" if name != "broken" else "8"}"\n{REST}' for name in names]
    nightly.file.write_text("\n".join(tables))
    await nightly.kept.container.upload_blob("schedules/state.json", b"{}")
    await nightly.look(TWO - MINUTE)
    await nightly.look()
    assert sorted(nightly.started) == [AT_TWO, "other-20261125T020000Z"]
    blocked = [vars(it) for it in nightly.caplog.records if vars(it)["action"] == "schedule_blocked"]
    assert {it["source"] for it in blocked} == {"two words", "broken", "state"}
    assert "1 to 40 letters" in next(it["reason"] for it in blocked if it["source"] == "two words")


async def test_a_due_time_whose_id_somebody_has_used_for_another_run_is_skipped(nightly: Nightly) -> None:
    await nightly.begun()
    await nightly.kept.begun(AT_TWO, None)
    request = await read_request(nightly.kept.container, AT_TWO)
    assert request is not None
    request["asked"]["chunk_size"] = 7
    blob = nightly.kept.container.get_blob_client(f"runs/{AT_TWO}/request.json")
    await blob.upload_blob(json.dumps(request).encode(), overwrite=True)
    await nightly.look()
    await nightly.look(TWO + MINUTE)
    ((action, due, reason),) = nightly.logged
    assert (nightly.started, action, due) == ([], "schedule_skipped", "25T02:00")
    assert "chunk_size" in reason


@pytest.mark.parametrize("settings", [{"SLUICE_CHUNK_SIZE": "0"}, {"SLUICE_SOURCES": "not_there.toml"}])
async def test_a_look_that_can_start_nothing_says_why_and_does_not_fail(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, settings: dict[str, str]
) -> None:
    for name, value in {"AzureWebJobsStorage": NO_STORAGE, **settings}.items():
        monkeypatch.setenv(name, value)
    start_due: Any = start_due_module.start_due._function.get_user_function().client_function
    try:
        await start_due(timer=None, client=Engine())
    finally:
        await close_storage()
    (record,) = [vars(it) for it in caplog.records if it.name == "sluice"]
    assert (record["action"], next(iter(settings)) in record["reason"]) == ("schedule_blocked", True)


@pytest.mark.parametrize(
    ("text", "timers"),
    [
        (f"[shop]\n{REST}", []),
        (f'[shop]\nschedule = "0 0 2 * * *"\n{REST}', ["start_due"]),
        ("= no toml", ["start_due"]),
    ],
)
def test_the_app_has_the_timer_only_where_a_source_has_a_schedule_or_may_have_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, timers: list[str]
) -> None:
    (tmp_path / "sources.toml").write_text(text)
    with sluice(monkeypatch, tmp_path, SLUICE_SOURCES=str(tmp_path / "sources.toml")) as (app, _):
        found = app.host.index.timers
        assert [function.name for function in found] == timers
        assert [function.trigger.schedule for function in found] == ["0 * * * * *"] * len(timers)
