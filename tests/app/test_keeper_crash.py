"""A keeper that dies at any request, two of them at once, and a keeper beside a person: no harm comes of it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from clients.delete_run import _delete
from clients.redrive_run import _redrive
from clients.start_request import StartRequest
from clients.start_run import _start_once
from ingestion.errors import InvalidInput, RunLocked
from ingestion.recovery import Recovery
from ingestion.run import open_runs
from ingestion.run.ledger import Ledger
from ingestion.run.lock import locked
from ingestion.settings import load_settings
from local.emulator import Azurite
from tests.app.kept import CRASH, DONE, LATER, STARTED_AT, UNDER_WAY, Engine, Kept, keeping

FAILED = replace(UNDER_WAY, error="the source is gone")
Done = Callable[[], Awaitable[Any]]


async def at_each_request(kept: Kept, begin: Callable[[str], Awaitable[tuple[Ledger, Done]]]) -> list[Ledger]:
    """Let what `begin` gives be done in a process that dies at its first, second, ... request, each with its own run.

    Afterwards another keeper looks often enough. Gives the ledgers.
    """
    ledgers = list[Ledger]()
    while True:
        ledger, work = await begin(f"run-{len(ledgers)}")
        is_over = not await kept.die_at(len(ledgers) + 1, work())
        for _ in range(4):
            await kept.break_lock(ledger.run_id)
            await kept.look(after=LATER)
        ledgers.append(ledger)
        if is_over:
            return ledgers
        kept.engine.let_rest(ledger.run_id)


@pytest.mark.parametrize(
    ("status", "state", "recoveries", "outcome"),
    [
        ("Failed", UNDER_WAY, 0, None),
        (None, UNDER_WAY, 0, None),
        ("Failed", None, 0, None),
        (None, None, 0, None),
        ("Completed", DONE, 0, "completed"),
        ("Terminated", UNDER_WAY, 0, "terminated"),
        ("Failed", UNDER_WAY, 3, "failed"),
    ],
)
def test_a_keeper_that_dies_at_any_request_leaves_a_run_that_the_next_one_brings_to_the_same_end(
    azurite: Azurite, queue_name: str, status: str, state: Any, recoveries: int, outcome: str | None
) -> None:
    async def work(kept: Kept) -> None:
        often = (Recovery(at=kept.now.isoformat(), cause="a crash"),) * recoveries

        async def begin(run_id: str) -> tuple[Ledger, Done]:
            ledger = await kept.begun(run_id, state and replace(state, recoveries=often))
            kept.engine.has(status, run_id, output=CRASH)

            async def looks() -> None:
                await kept.look(after=LATER)
                await kept.look(after=LATER)

            return ledger, looks

        ledgers = await at_each_request(kept, begin)
        assert len(ledgers) > 10
        for ledger in ledgers:
            await ends_well(kept, ledger, outcome)

    keeping(azurite, queue_name, work)


async def ends_well(kept: Kept, ledger: Ledger, outcome: str | None) -> None:
    """See that the run goes on, as one attempt of which the ledger knows, or that it was closed as it should."""
    report, started = await ledger.report(STARTED_AT), kept.engine.started_of(ledger.run_id)
    entry = await open_runs.find(kept.container, ledger.run_id)
    if outcome is not None:
        assert report is not None
        assert (report["outcome"], started, entry) == (outcome, [], None)
        return
    assert (report, entry is None) == (None, False)
    assert len(started) == 1
    assert await ledger.state(STARTED_AT) in (started[0], None)
    assert started[0].attempt == len(started[0].recoveries) <= 2


def test_a_start_that_dies_at_any_request_is_done_by_the_keeper_if_it_was_written_down(
    azurite: Azurite, queue_name: str
) -> None:
    settings = load_settings({"AzureWebJobsStorage": azurite.connection_string})
    asked = StartRequest(source="demo")

    async def work(kept: Kept) -> None:
        async def begin(run_id: str) -> tuple[Ledger, Done]:
            ledger, storage = Ledger(kept.container, run_id), SimpleNamespace(container=kept.container)
            start: Any = lambda: _start_once(kept.engine, ledger, asked, settings, storage)  # type: ignore[arg-type]  # noqa: E731
            return ledger, start

        for ledger in await at_each_request(kept, begin):
            is_asked_for = await ledger.request() is not None
            is_open = await open_runs.find(kept.container, ledger.run_id) is not None
            assert (is_open, len(kept.engine.started_of(ledger.run_id))) == (is_asked_for, is_asked_for)

    keeping(azurite, queue_name, work)


def test_a_deletion_that_dies_at_any_request_is_never_undone_by_the_keeper(azurite: Azurite, queue_name: str) -> None:
    async def work(kept: Kept) -> None:
        async def begin(run_id: str) -> tuple[Ledger, Done]:
            ledger = await kept.begun(run_id)
            kept.engine.has("Terminated", run_id)

            async def delete() -> None:
                async with locked(ledger) as lease:
                    await _delete(kept.engine, ledger, lease)

            return ledger, delete

        ledgers = await at_each_request(kept, begin)
        assert len(ledgers) > 5
        assert kept.engine.started == []
        assert await kept.open_runs() == []

    keeping(azurite, queue_name, work)


def test_a_person_s_redrive_that_dies_at_any_request_can_be_asked_for_again(azurite: Azurite, queue_name: str) -> None:
    async def work(kept: Kept) -> None:
        async def begin(run_id: str) -> tuple[Ledger, Done]:
            ledger = await kept.begun(run_id, FAILED)
            await ledger.record_report({"outcome": "failed", "started_at": STARTED_AT}, 0)
            await open_runs.forget(kept.container, run_id)
            kept.engine.has("Failed", run_id)
            return ledger, lambda: redrive(kept, ledger)

        for ledger in await at_each_request(kept, begin):
            await kept.break_lock(ledger.run_id)
            await redrive(kept, ledger)
            assert len(kept.engine.started_of(ledger.run_id)) == 1
            assert await ledger.state(STARTED_AT) == kept.engine.started_of(ledger.run_id)[0]

    keeping(azurite, queue_name, work)


async def redrive(kept: Kept, ledger: Ledger) -> None:
    """Redrive a run as a person does, who may be refused."""
    async with locked(ledger):
        with suppress(InvalidInput):  # it goes on already
            await _redrive(kept.engine, ledger)


async def interrupted(kept: Kept, request: int, work: Awaitable[Any], meanwhile: Done) -> bool:
    """Do `meanwhile` right before the so-manieth request of `work`; says whether `work` sent so many."""
    kept.connection.requests.clear()
    kept.connection.interrupted_at, kept.connection.meanwhile = request, meanwhile
    await work
    came_so_far, kept.connection.meanwhile = kept.connection.meanwhile is None, None
    return came_so_far


def test_a_redrive_that_moves_a_run_to_another_hub_between_two_requests_of_a_look_has_moved_it(
    azurite: Azurite, queue_name: str
) -> None:
    async def moved_at(kept: Kept, request: int) -> bool:
        kept.engine, other = Engine(), Engine("OtherHub")
        ledger = await kept.begun(f"run-{request}")
        kept.engine.has("Failed", ledger.run_id, output=CRASH)

        async def move() -> None:
            with suppress(RunLocked):
                async with locked(ledger, wait=False):
                    await _redrive(other, ledger)

        async def looks() -> None:
            await kept.look()
            await kept.look()

        came_so_far = await interrupted(kept, request, looks(), move)
        before = len(kept.engine.started)
        for _ in range(3):
            await kept.look(after=LATER)
        entry = await open_runs.find(kept.container, ledger.run_id)
        assert entry is not None
        assert (entry.task_hub == "OtherHub") == (len(other.started) == 1)
        assert len(kept.engine.started) == before == (0 if other.started else 1)
        kept.engine.let_rest(ledger.run_id)
        await open_runs.forget(kept.container, ledger.run_id)
        return came_so_far

    async def work(kept: Kept) -> None:
        request = 1
        while await moved_at(kept, request):
            request += 1
        assert request > 10

    keeping(azurite, queue_name, work)


@pytest.mark.parametrize("status", ["Failed", None])
def test_two_keepers_at_once_recover_a_run_once(azurite: Azurite, queue_name: str, status: str | None) -> None:
    async def work(kept: Kept) -> None:
        await kept.begun()
        kept.engine.has(status, output=CRASH)
        for _ in range(3):
            await asyncio.gather(kept.look(), kept.look())
        assert [state.attempt for state in kept.engine.started] == [1]

    keeping(azurite, queue_name, work)


def test_a_keeper_beside_a_person_s_redrive_starts_no_second_attempt(azurite: Azurite, queue_name: str) -> None:
    async def work(kept: Kept) -> None:
        ledger = await kept.begun()
        kept.engine.has("Failed", output=CRASH)
        await kept.look()
        await asyncio.gather(kept.look(), redrive(kept, ledger), kept.look())
        assert [state.attempt for state in kept.engine.started] == [1]

    keeping(azurite, queue_name, work)


def test_a_keeper_that_waited_for_a_redrive_in_another_task_hub_leaves_the_run_to_it(
    azurite: Azurite, queue_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(kept: Kept) -> None:
        ledger, other = await kept.begun(), Engine("OtherHub")
        kept.engine.has("Failed", output=CRASH)
        await kept.look()
        original = Ledger.request

        async def redriven_meanwhile(self: Ledger) -> Any:
            monkeypatch.setattr(Ledger, "request", original)
            async with locked(ledger):
                await _redrive(other, ledger)
            return await original(self)

        monkeypatch.setattr(Ledger, "request", redriven_meanwhile)
        await kept.look()
        await kept.look()
        assert ([state.attempt for state in other.started], kept.engine.started) == ([1], [])

    keeping(azurite, queue_name, work)


def test_a_keeper_beside_a_deletion_leaves_a_whole_run_or_none(azurite: Azurite, queue_name: str) -> None:
    async def work(kept: Kept) -> None:
        ledger = await kept.begun()
        kept.engine.has("Failed", output=CRASH)
        await kept.look()

        async def delete() -> None:
            async with locked(ledger) as lease:
                await _delete(kept.engine, ledger, lease)

        given = await asyncio.gather(kept.look(), delete(), return_exceptions=True)
        assert given[0] is None
        is_refused = isinstance(given[1], InvalidInput)
        assert is_refused or given[1] is None
        for _ in range(2):
            await kept.look(after=LATER)
        assert (await ledger.request() is not None, len(kept.engine.started)) == (is_refused, int(is_refused))
        assert await kept.open_runs() == (["run"] if is_refused else [])

    keeping(azurite, queue_name, work)
