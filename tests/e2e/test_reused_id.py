"""A run id can start again after a deletion, even if work of the deleted run is still running."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ingestion.contracts import RunState
from ingestion.run.ledger import Ledger
from ingestion.sending.packed import unpack
from tests.e2e.rig import IDS, Gate, Host, Rig
from tests.faults.sending import texts_on


def late_record(rig: Rig, window: int) -> Gate:
    """Holds the first record_window of this window."""
    ledger: type[Ledger] = sys.modules["activities.record_window"].Ledger
    original, gate, held = ledger.record_state, Gate(), list[RunState]()

    async def record(self: Ledger, state: RunState, recorded_at: str, **condition: RunState) -> bool:
        if state.window == window and not held:
            held.append(state)
            await gate.pass_through()
        return await original(self, state, recorded_at, **condition)

    rig.monkeypatch.setattr(ledger, "record_state", record)
    return gate


def forget(host: Host) -> None:
    """End the run, even with work in progress, and delete it."""
    host.terminate()
    host.wait()
    assert host.http.delete("/api/runs/run").status_code == 200


@pytest.mark.parametrize("message_format", ["envelope", "packed"])
def test_no_message_of_a_run_has_the_key_of_one_of_a_deleted_run_with_the_same_id(
    rig: Rig, message_format: str
) -> None:
    rig.settings = {"SLUICE_MESSAGE_FORMAT": message_format}
    with rig.host() as host:
        host.start()
        assert host.wait()["report"]["enqueued"] == IDS
        assert host.http.delete("/api/runs/run").status_code == 200
        host.start()
        assert host.wait()["report"]["enqueued"] == IDS
    texts = texts_on(rig.azurite, rig.name)
    keys = [key for text in texts for key in keys_of(text, message_format)]
    assert len(set(keys)) == len(keys) == 2 * IDS


def keys_of(text: str, message_format: str) -> list[str]:
    return [json.loads(text)["key"]] if message_format == "envelope" else [key for key, _ in unpack(text)]


@pytest.mark.parametrize("window", [2, 4])  # with chunks beside it, and as the first thing when the run has ended
def test_a_state_that_is_recorded_after_the_deletion_does_not_keep_the_id_from_being_used(
    rig: Rig, window: int
) -> None:
    with rig.host() as host:
        late = late_record(rig, window)
        host.start()
        late.wait_until_reached()
        forget(host)
        late.open()
        host.app.rest()
        (name,) = [name for name in rig.blobs() if name.startswith("runs/")]
        assert name.endswith("/state.json"), "it came late indeed, and a run that is no more does not close its ledger"
        assert host.start(chunk_size=50).status_code == 202
        assert host.wait()["report"]["enqueued"] == IDS


def test_a_command_that_comes_after_the_deletion_is_not_one_for_the_younger_run(rig: Rig) -> None:
    with rig.host() as host:
        control: Any = sys.modules["clients.control_run"]
        original, late = control.give, Gate()

        async def give(*given: Any) -> None:
            await late.pass_through()
            await original(*given)

        rig.monkeypatch.setattr(control, "give", give)
        host.start_held()
        with ThreadPoolExecutor(1) as pool:
            cancelling = pool.submit(host.ask, "cancel")
            late.wait_until_reached()
            rig.gate.open()
            host.wait()
            assert host.http.delete("/api/runs/run").status_code == 200
            late.open()
            assert cancelling.result().status_code == 409
        assert any(name.endswith("/command.json") for name in rig.blobs()), "it came late indeed"
        host.start(chunk_size=50)
        assert host.wait()["status"] == "completed"


def test_a_redriven_run_that_was_lost_is_lost_for_every_process(rig: Rig) -> None:
    rig.refused = {1}
    with rig.host() as host:
        host.start(tolerated_failures="50%")
        assert host.wait()["status"] == "completed_with_failures"
        rig.refused = ()
        rig.hold(1)
        host.ask("redrive")
        rig.gate.wait_until_reached()
        host.terminate()
        rig.gate.open()
        host.app.rest()
        host.purge_history()
        assert (host.look()["status"], host.look()["report"]) == ("lost", None)
        for answer in (host.start(tolerated_failures="50%"), host.ask("pause")):
            assert answer.status_code == 409
            assert "redrive" in answer.json()["allowed"]
        assert host.ask("redrive").status_code == 202
        assert host.wait()["status"] == "completed"


def test_a_redrive_that_failed_before_its_end_does_not_show_the_report_of_the_attempt_before(rig: Rig) -> None:
    rig.refused = range(8, 16)
    with rig.host() as host:
        host.start()
        assert host.wait()["report"]["redrives"] == 0
        rig.refused = ()
        ledger: type[Ledger] = sys.modules["activities.record_window"].Ledger
        original = ledger.record_state

        async def record(self: Ledger, state: RunState, recorded_at: str, **condition: RunState) -> bool:
            if state.attempt == 1 and state.window > 0:
                raise OSError("the ledger is gone")
            return await original(self, state, recorded_at, **condition)

        rig.monkeypatch.setattr(ledger, "record_state", record)
        host.ask("redrive")
        run = host.wait()
        assert (run["status"], run["report"]) == ("lost", None)
        assert "the ledger is gone" in run["error"]
