"""A run is pinned to its settings and source: if they change, it is held until a person accepts the change."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from azure.storage.queue.aio import QueueClient

from clients.control_run import cancel_run, pause_run, resume_run
from clients.start_run import start_run
from ingestion.contracts import Change, Chunk, EnqueueRequest, FetchOutcome, Receipt, Recorded, RunState
from ingestion.run import run_report, run_state
from ingestion.run.pinned import WHAT_LENGTH
from ingestion.run.request import read_request
from ingestion.run.run_state import CHANGED, next_window, redriven
from ingestion.wire import to_wire
from tests.app.answers import TWO, answering, receipt, report_of
from tests.app.driven import call
from tests.app.kept import CRASH, Kept, actions
from tests.app.rehearsal import Outcome, rehearse, rehearse_all

DESCRIPTION = """
[demo]
url = "%SLUICE_DEMO_URL%/ids"
items = "items"
message = "id"
attempts = 1
query = { fields = "id" }
auth = { kind = "bearer", token = "DEMO_TOKEN" }
throttle = { requests_per_second = 50 }
pagination = { style = "cursor", read = "next_cursor", send = "cursor" }
"""
GONE = "source demo: its description is gone or cannot be read"

Edit = Callable[[Path, pytest.MonkeyPatch], None]


@pytest.fixture
def sources(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that describes the source of the runs."""
    file = tmp_path / "sources.toml"
    file.write_text(DESCRIPTION)
    for name, value in {"SLUICE_SOURCES": str(file), "DEMO_TOKEN": "s3cr3t", **elsewhere(kept, "k1")}.items():
        monkeypatch.setenv(name, value)
    return file


def elsewhere(kept: Kept, key: str) -> dict[str, str]:
    """Return the settings of another storage account, with a key."""
    text = kept.azurite.connection_string
    return {"ELSEWHERE": text.replace("devstoreaccount1;AccountKey=", f"devstoreaccount1;AccountKey={key}AA")}


def edited(old: str, new: str) -> Edit:
    def edit(file: Path, _: pytest.MonkeyPatch) -> None:
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    return edit


def with_messages(said: str) -> Edit:
    return edited('message = "id"\n', f'message = "id"\nmessages = {{ {said} }}\n')


def setting(name: str, value: str) -> Edit:
    return lambda _, patch: patch.setenv(name, value)


async def started(kept: Kept) -> RunState:
    """Return the state of a run that has just started."""
    assert await kept.ask(start_run) == 202
    state: RunState = kept.engine.started[-1]
    return state


async def changes(kept: Kept, state: RunState) -> list[Any]:
    """Return the changes that hold a fetch, a chunk and a window of a run."""
    supply, chunk = next_window(state, kept.now).supply, Chunk(0, "aa")
    enqueue = EnqueueRequest(run=state.run, source="demo", chunk=chunk, pin=state.request.pin)
    asked = {"fetch_batch": supply, "enqueue_chunk": enqueue, "record_window": state}
    outcomes = [await call(name, to_wire(request)) for name, request in asked.items()]
    for outcome in outcomes:
        assert (outcome.get("held") or outcome.get("command")) == (CHANGED if "change" in outcome else None)
    return [outcome.get("change") for outcome in outcomes]


CHANGES = {
    "source demo: items changed": edited('items = "items"', 'items = "data"'),
    "source demo: message changed": edited('message = "id"\n', ""),
    "source demo: pagination.read, query.fields changed": edited('"id" }', '"id,name" }'),
    GONE: edited("[demo]", "[other]"),
    "SLUICE_MESSAGE_FORMAT changed": setting("SLUICE_MESSAGE_FORMAT", "envelope"),
    "SLUICE_MESSAGE_ENCODING changed": setting("SLUICE_MESSAGE_ENCODING", "none"),
    "SLUICE_QUEUES changed": setting("SLUICE_QUEUES", "one-queue,another-queue"),
    "source demo: messages.queue changed": with_messages('queue = "one-queue"'),
    "source demo: messages.encoding, messages.format changed": with_messages('encoding = "none", format = "packed"'),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_run_with_a_changed_description_format_or_queue_is_held_and_names_the_change(
    kept: Kept, sources: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    state = await started(kept)
    assert await changes(kept, state) == [None] * 3
    CHANGES[what](sources, monkeypatch)
    if "pagination" in what:
        edited('"next_cursor"', '"next"')(sources, monkeypatch)
    caplog.clear()
    [change, *others] = await changes(kept, state)
    assert others == [change] * 2
    assert change["what"] == what
    assert ("WARNING", "run_held") in actions(caplog)
    assert await kept.redrive("run") == 409, "it has not ended"


async def test_a_description_that_is_no_toml_for_a_moment_holds_a_run_and_does_not_end_it(
    kept: Kept, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = await started(kept)
    edited("[demo]", "[demo")(sources, monkeypatch)
    assert [change["what"] for change in await changes(kept, state)] == [GONE] * 3
    edited("[demo", "[demo]")(sources, monkeypatch)
    assert await changes(kept, state) == [None] * 3, "as it was at the start"


async def test_a_description_that_is_written_while_a_fetch_begins_is_never_read_under_the_old_pin(
    kept: Kept, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = await started(kept)
    original, reads = Path.read_text, list[str]()

    def read_text(self: Path, *given: Any, **named: Any) -> str:
        if self == sources:
            reads.append(original(self, *given, **named))
            self.write_text(reads[0].replace('"items"', '"data"'))
            return reads[-1]
        return original(self, *given, **named)

    monkeypatch.setattr(Path, "read_text", read_text)
    outcome = await call("fetch_batch", to_wire(next_window(state, kept.now).supply))
    assert len(reads) == 2
    assert outcome["held"] == CHANGED


async def test_secrets_rates_and_budgets_may_change_under_a_run(
    kept: Kept, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_QUEUES", "ELSEWHERE/one-queue,another-queue")
    state = await started(kept)
    edited("requests_per_second = 50", "requests_per_second = 5")(sources, monkeypatch)
    edited("attempts = 1", "attempts = 2\nmax_pages = 7\ntimeout_seconds = 3.0")(sources, monkeypatch)
    changed = {"DEMO_TOKEN": "0ther", "SLUICE_MAX_MESSAGES_PER_SECOND": "10", "SLUICE_FETCH_SECONDS": "5"}
    changed |= {**elsewhere(kept, "k2"), "SLUICE_QUEUES": "another-queue, ELSEWHERE/one-queue"}
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    assert await call("record_window", to_wire(replace(state, window=1))) == {}
    request = await read_request(kept.container, "run")
    assert "k1AA" not in json.dumps(request)
    assert (request or {})["pinned"]["settings"]["SLUICE_MESSAGE_FORMAT"] == "raw", "an audit finds it"


OWN = 'queues = ["one-queue", "ELSEWHERE/one-queue"], format = "envelope", encoding = "none", time_to_live = 60'


async def test_a_run_is_pinned_to_the_queues_and_the_format_that_its_source_has_of_its_own(
    kept: Kept, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = kept.azurite.connection_string
    monkeypatch.setenv("ELSEWHERE", there)
    with_messages(OWN)(sources, monkeypatch)
    state = await started(kept)
    for name, value in {"SLUICE_QUEUES": "app-queue", "SLUICE_MESSAGE_FORMAT": "packed"}.items():
        monkeypatch.setenv(name, value)
    edited("time_to_live = 60", "time_to_live = -1")(sources, monkeypatch)
    assert await changes(kept, state) == [None] * 3, "the app's settings and the life of messages"

    pinned = ((await read_request(kept.container, "run")) or {})["pinned"]["source demo"]
    assert (pinned["messages.format"], pinned["messages.encoding"]) == ("envelope", "none"), "an audit finds it"
    assert pinned["messages.queues"].startswith("ELSEWHERE/one-queue (http://127.0.0.1")

    monkeypatch.setenv("ELSEWHERE", there.replace("127.0.0.1", "localhost"))
    what = "source demo: messages.queues changed"
    assert [change["what"] for change in await changes(kept, state)] == [what] * 3, "another account"
    monkeypatch.delenv("ELSEWHERE")
    assert [change["what"] for change in await changes(kept, state)] == [GONE] * 3
    monkeypatch.setenv("ELSEWHERE", there)
    assert await changes(kept, state) == [None] * 3, "as it was at the start"
    edited(f"messages = {{ {OWN.replace('60', '-1')} }}\n", "")(sources, monkeypatch)
    [change, *_] = await changes(kept, state)
    assert change["what"] == "source demo: messages.encoding, messages.format, messages.queues changed"


async def test_a_resume_that_accepts_another_queue_of_a_source_makes_it_and_refuses_one_that_cannot_be(
    kept: Kept, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, own = await started(kept), f"{kept.storage.container.container_name}-own"
    with_messages(f'queue = "{own}"')(sources, monkeypatch)
    await show(kept, state, (await changes(kept, state))[0])
    assert await kept.ask(resume_run) == 202
    async with QueueClient.from_connection_string(kept.azurite.connection_string, own) as queue:
        assert (await queue.get_queue_properties()).approximate_message_count == 0
    assert await changes(kept, state) == [None] * 3

    edited(f'"{own}"', '"NOWHERE/own"')(sources, monkeypatch)
    await show(kept, state, (await changes(kept, state))[0])
    answer = await kept.answer_of(resume_run)
    assert (answer.status_code, b"sources.toml: demo.messages.queue" in answer.get_body()) == (400, True)


async def show(kept: Kept, state: RunState, change: Any) -> None:
    """Make the instance of the run show that a change holds it."""
    status = {"phase": "held", "changes": change["what"], "changed_to": change["to"]}
    kept.engine.has("Running", input=to_wire(state), customStatus=status)


async def test_a_resume_accepts_the_change_that_was_shown_and_no_other(
    kept: Kept, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = await started(kept)
    setting("SLUICE_MESSAGE_FORMAT", "envelope")(sources, monkeypatch)
    assert await kept.ask(resume_run) == 202
    [change, *_] = await changes(kept, state)
    assert change["what"] == "SLUICE_MESSAGE_FORMAT changed", "nobody had been shown a change"

    await show(kept, state, change)
    setting("SLUICE_MESSAGE_FORMAT", "packed")(sources, monkeypatch)
    assert await kept.ask(resume_run) == 202
    assert (await changes(kept, state))[0]["what"] == "SLUICE_MESSAGE_FORMAT changed", "it was another one"

    setting("SLUICE_MESSAGE_FORMAT", "envelope")(sources, monkeypatch)
    assert await kept.ask(resume_run) == 202
    assert await changes(kept, state) == [None] * 3
    for function in (pause_run, resume_run):
        assert await kept.ask(function) == 202
    assert await changes(kept, state) == [None] * 3, "another command does not take it back"

    setting("SLUICE_MESSAGE_FORMAT", "raw")(sources, monkeypatch)
    assert (await changes(kept, state))[0]["what"] == "SLUICE_MESSAGE_FORMAT changed", "the accepted one counts now"
    closed = await call("finish_run", to_wire(run_report.finish(state, kept.now, "terminated")))
    [warning] = closed["report"]["warnings"]
    assert warning["warning"] == "change_accepted"
    assert "(SLUICE_MESSAGE_FORMAT changed)" in warning["message"]


async def test_a_redrive_or_a_recovery_under_other_settings_is_held_as_well_and_an_acceptance_outlives_it(
    kept: Kept, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = await started(kept)
    await call("record_window", to_wire(state))
    setting("SLUICE_MESSAGE_FORMAT", "envelope")(sources, monkeypatch)
    kept.engine.has("Failed", input=to_wire(state), output=CRASH)
    assert await kept.redrive() == 202
    again = kept.engine.started[-1]
    [change, *_] = await changes(kept, again)
    assert change["what"] == "SLUICE_MESSAGE_FORMAT changed"
    await show(kept, again, change)
    assert await kept.ask(resume_run) == 202
    kept.engine.has("Failed", input=to_wire(again), output=CRASH)
    await kept.look(times=2)
    assert kept.engine.started[-1].attempt == 2
    assert await changes(kept, kept.engine.started[-1]) == [None] * 3


async def test_a_cancel_ends_a_run_that_is_held(kept: Kept, sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = await started(kept)
    setting("SLUICE_MESSAGE_FORMAT", "envelope")(sources, monkeypatch)
    assert await kept.ask(cancel_run) == 202
    assert (await call("record_window", to_wire(state))) == {"command": "cancel"}


async def test_a_run_that_an_earlier_version_has_started_is_pinned_to_nothing(kept: Kept, sources: Path) -> None:
    await kept.begun()
    assert await call("record_window", to_wire(await kept.ledger().state())) == {}


LONGEST = Change(to="0123456789abcdef", what="w" * WHAT_LENGTH)


@pytest.mark.parametrize("seen_by", ["the fetch", "a chunk", "the window"])
def test_a_held_run_keeps_its_messages_shows_the_change_and_continues_after_its_acceptance(seen_by: str) -> None:
    is_held = True

    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        if is_held and seen_by == "a chunk" and payload["chunk"][0] == 1:
            return to_wire(Receipt(held=CHANGED, change=LONGEST))
        return receipt(payload)

    def record(*_: Any) -> Outcome:
        if is_held and seen_by == "the window":
            return to_wire(Recorded(command=CHANGED, change=LONGEST))
        return to_wire(Recorded())

    second = to_wire(FetchOutcome(held=CHANGED, change=LONGEST)) if seen_by == "the fetch" else TWO[1]
    first = rehearse(answering(*TWO))
    held = rehearse(answering(TWO[0], second, chunk=chunk, record=record), first.continued_with)
    assert held.windows[-1] == ["first of timer 2026-01-01T00:25:00+00:00, event control"]
    progress = held.progress[-1]
    assert (progress["phase"], progress["changes"], progress["changed_to"]) == ("held", LONGEST.what, LONGEST.to)
    assert progress["fetched"] == progress["enqueued"] + progress["pending"]
    assert held.continued_with is not None
    assert len(json.dumps(held.continued_with)) < 4096

    is_held = False
    generations = rehearse_all(answering(*TWO, chunk=chunk, record=record), held.continued_with)
    report = report_of(generations)
    assert (report["outcome"], report["enqueued"]) == ("completed", 55)
    assert "changes" not in generations[-1].progress[-1]


def test_a_redriven_state_asks_anew_what_holds_it() -> None:
    answer = answering(*TWO, record=lambda *_: to_wire(Recorded(command=CHANGED, change=LONGEST)))
    held = rehearse(answer).continued_with

    again = redriven(run_state.load(held))
    assert again is not None
    assert (again.command, again.change) == (None, None)
