"""Activities that run late, or at the wrong time: they find that in the ledger, and change nothing."""

import importlib
import json
from dataclasses import replace
from typing import Any

import pytest

from clients.start_run import start_run
from ingestion.contracts import GIVES_WAY, Sums
from ingestion.errors import RetryableError, SourceRefused
from ingestion.run import run_report
from ingestion.run.command import give
from ingestion.run.run_state import PAUSE, next_window
from ingestion.wire import to_wire
from tests.app.driven import MESSAGES, call, stocked
from tests.app.kept import DONE, FRESH, Kept, actions
from tests.sources.fake_api import source_at


async def blobs(kept: Kept) -> set[str]:
    return {name.rpartition("/")[2] async for name in kept.container.list_blob_names(name_starts_with="runs/")}


async def test_a_late_end_of_an_older_attempt_takes_nothing_from_the_newer_one(kept: Kept) -> None:
    """The older attempt was terminated after sending everything, then redriven from a state with an open chunk."""
    spool = {"00000002-aa.ndjson", "00000002.json"}
    ledger = await kept.begun(state=replace(FRESH, attempt=1))
    await ledger.blob("chunks/00000002-aa.ndjson").upload_blob(b"{}")
    await ledger.blob("checkpoints/00000002.json").upload_blob(b"{}")

    late = run_report.finish(replace(FRESH, window=4, source_exhausted=True), kept.now)
    assert (await call("finish_run", to_wire(late)))["report"]["enqueued"] == 0
    assert await blobs(kept) == {"request.json", "state.json", *spool}

    await call("finish_run", to_wire(replace(late, state=replace(late.state, attempt=1))))
    assert await blobs(kept) == {"request.json", "state.json", "report.json"}


async def test_a_pause_holds_a_fetch_when_nothing_else_is_due(kept: Kept) -> None:
    await give(await kept.begun(), PAUSE)
    assert await call("fetch_batch", to_wire(next_window(FRESH, kept.now).supply)) == {"held": PAUSE}


async def test_a_chunk_of_a_long_window_yields_to_another_run_and_is_sent_in_a_shorter_one(kept: Kept) -> None:
    state = await stocked(kept)
    alone = next_window(state, kept.now).chunks[0]
    kept.storage.at_work.note("other")
    outcome = await call("enqueue_chunk", to_wire(alone))
    assert (outcome["held"], outcome.get("enqueued", 0), outcome["share"][1]) == (GIVES_WAY, 0, 5)
    shared = next_window(replace(state, at_once=5), kept.now).chunks[0]
    sent = await call("enqueue_chunk", to_wire(shared))
    assert (sent["enqueued"], sent["share"]) == (MESSAGES, outcome["share"])
    kept.storage.at_work.forget("other")
    assert "share" not in await call("enqueue_chunk", to_wire(alone))


async def test_a_run_that_was_started_is_known_before_it_has_done_anything_and_until_it_has_ended(kept: Kept) -> None:
    assert await kept.ask(start_run, "other") == 202
    assert kept.storage.at_work.share(FRESH.run) is not None
    state = kept.engine.started_of("other")[0]
    await call("finish_run", to_wire(run_report.finish(replace(state, source_exhausted=True), kept.now)))
    assert kept.storage.at_work.share(FRESH.run) is None


@pytest.mark.parametrize(
    ("ended", "level"),
    [
        ({"fetched": 5, "done": Sums(chunks=1, messages=5, enqueued=5)}, "INFO"),
        ({"fetched": 5, "done": Sums(chunks=1, messages=5, enqueued=4, rejected=1)}, "WARNING"),
        ({"fetched": 5, "done": Sums(chunks=1, messages=5, enqueued=5), "source_total": 6}, "WARNING"),
        ({}, "WARNING"),
        ({"source_exhausted": False, "command": "cancel"}, "INFO"),
    ],
)
async def test_a_run_that_ends_with_rejects_another_total_or_no_message_is_logged_as_a_warning(
    kept: Kept, caplog: pytest.LogCaptureFixture, ended: Any, level: str
) -> None:
    caplog.set_level("INFO")
    await kept.begun()
    await call("finish_run", to_wire(run_report.finish(replace(DONE, **ended), kept.now)))
    assert (level, "run_ended") in actions(caplog)


@pytest.mark.parametrize("text", ["x" * 200_000, "\U0001f600" * 200_000])
async def test_an_error_is_bounded_where_it_leaves_an_activity(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    wanted = to_wire(next_window(FRESH, kept.now).supply)
    module = importlib.import_module("activities.fetch_batch")

    async def fails(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(module, "load_source", lambda *_: source_at("http://a/"))
    monkeypatch.setattr(module, "SourceClient", lambda *_, **__: None)
    monkeypatch.setattr(module, "fetch", fails)
    await kept.begun()
    error: Exception = SourceRefused(f"refused: {text}")
    outcome = await call("fetch_batch", wanted)
    assert outcome["error"].startswith("refused: ")
    assert len(json.dumps(outcome)) < 4096
    error = RuntimeError(f"broken: {text}")
    with pytest.raises(RetryableError, match=r"^broken: ") as raised:
        await call("fetch_batch", wanted)
    assert len(json.dumps(str(raised.value))) < 4096
