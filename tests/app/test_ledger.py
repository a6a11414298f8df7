"""The ledger on real storage: an older state never replaces a newer one, with any number of writers."""

import asyncio
import random
from dataclasses import replace

import pytest

from ingestion.contracts import RunState
from ingestion.errors import Conflict, UnknownSchema
from ingestion.run.command import GO, clear, give, read_command
from ingestion.run.request import create_request, read_request
from ingestion.run.run_state import CANCEL, PAUSE
from ingestion.storage.json_blob import write_json
from ingestion.wire import to_wire
from tests.app.kept import FRESH, Kept


def at(attempt: int, window: int) -> RunState:
    return replace(FRESH, attempt=attempt, window=window)


async def test_an_older_state_does_not_replace_a_newer_one(kept: Kept) -> None:
    ledger = kept.ledger()
    assert await ledger.state() is None
    taken = [await ledger.record_state(at(*order), "now") for order in [(0, 5), (0, 4), (0, 5), (1, 0), (0, 6)]]
    assert taken == [True, False, True, True, False]
    assert await ledger.state() == at(1, 0)


async def test_of_many_writers_at_once_the_newest_is_what_stays(kept: Kept) -> None:
    windows = list(range(20))
    random.Random(7).shuffle(windows)
    await asyncio.gather(*(kept.ledger().record_state(at(0, window), "now") for window in windows))
    assert await kept.ledger().state() == at(0, 19)


async def test_of_many_requests_at_once_all_see_the_same_one(kept: Kept) -> None:
    requests = [{"run_id": "run", "start": str(number)} for number in range(20)]
    seen = await asyncio.gather(*(create_request(kept.container, request) for request in requests))
    assert [*map(dict, seen)] == [await read_request(kept.container, "run")] * 20


async def test_a_report_of_an_earlier_attempt_does_not_replace_that_of_a_later_one(kept: Kept) -> None:
    await kept.ledger().record_report({"outcome": "completed"}, 1)
    await kept.ledger().record_report({"outcome": "failed"}, 0)
    assert await kept.ledger().report() == {"run_id": "run", "attempt": 1, "window": 0, "outcome": "completed"}


async def test_the_report_of_an_earlier_attempt_is_not_that_of_the_last(kept: Kept) -> None:
    await kept.ledger().record_state(at(0, 5), "now")
    await kept.ledger().record_report({"outcome": "failed"}, 0)
    assert await kept.outcome() == "failed"
    await kept.ledger().record_state(at(1, 0), "now")
    assert await kept.ledger().report() is None


async def test_a_command_holds_until_the_next_one_and_a_cancellation_until_the_run_is_redriven(kept: Kept) -> None:
    ledger = kept.ledger()
    seen = [await read_command(kept.container, ledger.run)]
    for command in (PAUSE, GO, GO, PAUSE, CANCEL, CANCEL):
        await give(ledger, command)
        seen.append(await read_command(kept.container, ledger.run))
    assert seen == [None, PAUSE, None, None, PAUSE, CANCEL, CANCEL]
    for command in (GO, PAUSE):
        with pytest.raises(Conflict, match="being cancelled"):
            await give(ledger, command)
    await clear(ledger)
    assert await read_command(kept.container, ledger.run) is None


@pytest.mark.parametrize("schema", [2, 4, "3", None])
async def test_a_state_of_another_schema_is_refused_with_what_to_do(kept: Kept, schema: object) -> None:
    await write_json(kept.ledger().blob("state.json"), {"state": {**to_wire(FRESH), "schema": schema}})
    with pytest.raises(UnknownSchema, match="deploy the version that started the run, or delete the run"):
        await kept.ledger().state()
