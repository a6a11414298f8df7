"""Every message of a run is accounted for, at whatever request the process of the run, its end or its redrive dies."""

import importlib
from collections import Counter
from typing import Any

import pytest

from clients.redrive_run import redrive_run
from ingestion.contracts import EnqueueRequest, Receipt
from ingestion.errors import StorageRefused
from ingestion.run import closing, run_report
from ingestion.run.run_state import CANCEL
from tests.app.driven import WHOLE, driven, stocked, texts_of
from tests.app.kept import CRASH, Kept
from tests.faults.sending import texts_on


async def done_again(kept: Kept, run_id: str) -> None:
    """Drive a run from its ledger, redrive it if it has not ended, and check that its counts are exact."""
    if not kept.engine.started_of(run_id):
        answer = await kept.answer_of(redrive_run, run_id)
        assert answer.status_code == 202, answer.get_body()
    (state,) = kept.engine.started_of(run_id)
    generation = await driven(state)
    assert generation.report is not None, generation.error
    counts = {name: generation.report[name] for name in ("outcome", "fetched", "enqueued", "failed", "pending")}
    assert counts == {"outcome": "completed", "fetched": WHOLE, "enqueued": WHOLE, "failed": 0, "pending": 0}
    closed = await kept.ledger(run_id).report() or {}
    assert {name: closed.get(name) for name in generation.report} == generation.report, "the ledger says the same"


def all_once(*run_ids: str) -> Counter[str]:
    return Counter(text for run_id in run_ids for text in texts_of(run_id))


ENDS = [("cancelled", {"command": CANCEL}), ("failed", {"error": "the source is gone"}), ("terminated", {})]


@pytest.mark.parametrize(("outcome", "changes"), ENDS)
async def test_a_run_that_leaves_chunks_open_reports_what_of_them_is_on_the_queue_and_a_redrive_is_exact(
    kept: Kept, outcome: str, changes: dict[str, str]
) -> None:
    """The process that closes its ledger dies at any request, and another one continues."""
    run_ids = list[str]()
    async for run_id in kept.at_each_request(more_than=10):
        run_ids.append(run_id)
        state, ledger = await stocked(kept, run_id, **changes), kept.ledger(run_id)
        kept.engine.has("Terminated" if outcome == "terminated" else "Failed", run_id, output=CRASH)
        await kept.interrupted(
            closing.close(ledger, run_report.finish(state, kept.now, outcome), kept.now), by=kept.connection.die()
        )
        await kept.brought_to_rest(run_id)
        report = await ledger.report() or {}
        counts = tuple(report[name] for name in ("outcome", "fetched", "enqueued", "failed", "pending"))
        assert counts == (outcome, WHOLE, 2, 2, 5)
        assert await ledger.state() == state, "what is open counts when it is finished"
        await done_again(kept, run_id)

    assert texts_on(kept.azurite, kept.container.container_name) == all_once(*run_ids)


async def test_a_redrive_that_dies_at_any_request_is_completed_by_the_keeper_or_repeated(kept: Kept) -> None:
    run_ids = list[str]()
    async for run_id in kept.at_each_request(more_than=10):
        run_ids.append(run_id)
        state = await stocked(kept, run_id, command=CANCEL)
        await closing.close(kept.ledger(run_id), run_report.finish(state, kept.now), kept.now)
        kept.engine.has("Completed", run_id)
        await kept.interrupted(kept.redrive(run_id), by=kept.connection.die())
        await kept.brought_to_rest(run_id)
        assert (await kept.entry(run_id) is not None) == bool(kept.engine.started_of(run_id)), "what goes on is kept"
        await done_again(kept, run_id)

    assert texts_on(kept.azurite, kept.container.container_name) == all_once(*run_ids)


async def test_an_attempt_that_dies_at_any_request_brings_every_message_to_its_end_once_it_is_recovered_or_redriven(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attempt does everything: it sends, lists a failing chunk, and closes the ledger."""
    module = importlib.import_module("activities.enqueue_chunk")
    original, run_ids = module.enqueue, list[str]()

    async def refused_at_first(request: EnqueueRequest, *others: Any) -> Receipt:
        if request.chunk.number == 2 and not kept.engine.started_of(request.run.id):
            raise StorageRefused("the queue answered HTTP 403")
        receipt: Receipt = await original(request, *others)
        return receipt

    monkeypatch.setattr(module, "enqueue", refused_at_first)
    async for run_id in kept.at_each_request(more_than=20):
        run_ids.append(run_id)
        state = await stocked(kept, run_id)
        kept.engine.has("Failed", run_id, output=CRASH)
        await kept.interrupted(driven(state), by=kept.connection.die())
        await kept.brought_to_rest(run_id)
        await done_again(kept, run_id)

    found = texts_on(kept.azurite, kept.container.container_name)
    assert found.keys() == all_once(*run_ids).keys()
    assert found.total() - len(found) <= len(run_ids), "a death in the one chunk that was being sent repeats it"
