"""What a worker knows of its runs: commands that arrive during an activity, and the runs that share the worker."""

import asyncio
from typing import Any, cast

import pytest
from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import Run, Share
from ingestion.errors import HeldBack
from ingestion.hold import Hold
from ingestion.run import at_work
from ingestion.run.at_work import AtWork, most_at_once
from ingestion.run.command import GO
from ingestion.run.run_state import CANCEL, PAUSE
from local.demo.stack import ROOT

ONE, OTHER = Run("one", "s"), Run("other", "s")


class Commands:
    """The commands of runs, and how often each was read; reading takes no time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.given: dict[Run, str | Exception] = {}
        self.looks, self._looked = list[Run](), asyncio.Event()
        monkeypatch.setattr(at_work, "LOOK_SECONDS", 0.001)
        monkeypatch.setattr(at_work, "read_command", self._read)

    async def _read(self, container: object, run: Run) -> str | None:
        self.looks.append(run)
        self._looked.set()
        found = self.given.get(run)
        if isinstance(found, Exception):
            raise found
        return found

    async def looked(self, times: int = 2) -> None:
        """Wait for this many further reads."""
        for _ in range(times):
            self._looked.clear()
            await self._looked.wait()


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    return Commands(monkeypatch)


@pytest.fixture
def here() -> AtWork:
    return AtWork(cast(ContainerClient, None))


async def test_one_look_a_second_serves_all_activities_of_a_run_and_ends_with_the_last(
    here: AtWork, commands: Commands
) -> None:
    before = asyncio.all_tasks()
    async with here.hold(ONE) as first:
        async with here.hold(ONE) as second, here.hold(OTHER) as another:
            assert len(asyncio.all_tasks() - before) == 2, "one for each run"
            commands.given[ONE] = PAUSE
            await commands.looked(4)
            assert (first.command, second.command, another.command) == (PAUSE, PAUSE, None)
        await commands.looked()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    assert {*commands.looks} == {ONE, OTHER}


async def test_a_command_that_is_given_to_this_worker_needs_no_look(here: AtWork) -> None:
    here.set_command(ONE, PAUSE)  # no activity of this run is at work
    async with here.hold(ONE) as hold:
        assert hold.command is None
        here.set_command(ONE, PAUSE)
        assert hold.command == PAUSE
        here.set_command(ONE, GO)
        assert hold.command is None


async def test_a_look_that_fails_is_made_again(here: AtWork, commands: Commands) -> None:
    commands.given[ONE] = OSError("storage is away")
    async with here.hold(ONE) as hold:
        await commands.looked()
        commands.given[ONE] = CANCEL
        await commands.looked()
        assert hold.command == CANCEL


async def test_a_command_is_read_once_and_later_activities_get_it_at_once() -> None:
    hold, calls = Hold(), list[str]()
    with hold.calling(calls.append):
        hold.set(None)
        assert calls == []
        hold.set(PAUSE)
        hold.set(PAUSE)
    assert calls == [PAUSE]
    with hold.calling(calls.append):
        assert calls == [PAUSE, PAUSE]
    hold.set(None)
    with hold.calling(calls.append):
        pass
    hold.set(CANCEL)
    assert calls == [PAUSE, PAUSE], "neither after a resume nor after the end"


async def test_a_command_ends_a_wait_and_a_time_limit_inside_stays_one() -> None:
    hold = Hold()

    async def wait() -> None:
        async with hold.interrupting():
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    hold.set(CANCEL)
    with pytest.raises(HeldBack) as held:
        await waiting
    assert held.value.command == CANCEL
    with pytest.raises(HeldBack):
        await wait()
    with pytest.raises(TimeoutError):
        async with Hold().interrupting(), asyncio.timeout(0):
            await asyncio.Event().wait()


def test_a_run_shares_its_worker_with_one_that_has_begun_there_and_not_ended(
    here: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(at_work, "monotonic", lambda: now[0])
    with here.noted(ONE.id):
        assert here.share(ONE) is None
    here.note(OTHER.id)
    share: Any = here.share(ONE)
    assert share.at_once == most_at_once({}) == 5
    with here.noted(OTHER.id):
        here.forget(OTHER.id)  # by its last activity
    assert here.share(ONE) is None
    here.note(OTHER.id)
    now[0] = at_work.KNOWN_SECONDS
    assert here.share(ONE) is None, "it has been gone for long"


def test_two_workers_are_distinguished() -> None:
    shares = list[Share | None]()
    for _ in range(2):
        here = AtWork(cast(ContainerClient, None))
        here.note(OTHER.id)
        shares.append(here.share(ONE))
    assert len({share.worker for share in shares if share}) == 2


def test_the_number_of_activities_at_once_is_the_host_s_setting() -> None:
    assert most_at_once({at_work.SETTING: "12"}) == 12
    assert most_at_once({}, ROOT / "no such file") == at_work.DEFAULT_AT_ONCE
