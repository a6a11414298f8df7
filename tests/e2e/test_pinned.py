"""A run whose settings change is held; nothing is lost, and nothing is sent twice."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from azure.storage.queue import QueueClient

from local.demo.readback import catalogue
from tests.e2e.rig import IDS, Host, Rig
from tests.faults.sending import texts_on


def count_on(rig: Rig) -> int:
    """Return the number of messages on the queue with which the run was started."""
    with QueueClient.from_connection_string(rig.azurite.connection_string, rig.name) as client:
        return client.get_queue_properties().approximate_message_count or 0


@contextmanager
def held(rig: Rig, change: str) -> Iterator[Host]:
    """Change the queue of a run in its second batch, or during a restart while it is paused."""
    other = {"SLUICE_QUEUE": f"{rig.name}-2"}
    if change == "in the middle":
        with rig.host(time_flies=False) as host:
            host.start_held(8)
            rig.monkeypatch.setenv(*other.popitem())
            rig.gate.open()
            host.wait_for("held")
            yield host
        return
    with rig.host(time_flies=False) as host:
        host.start_held(8)
        host.ask("pause")
        rig.gate.open()
        host.wait_for("paused")
        host.app.rest()
    rig.settings |= other
    with rig.host(time_flies=False) as host:
        assert host.look()["status"] == "paused"
        assert host.ask("resume").status_code == 202
        host.wait_for("held")
        yield host


@pytest.mark.parametrize("change", ["in the middle", "after a restart"])
def test_a_run_whose_queue_changed_is_held_and_continues_after_acceptance(rig: Rig, change: str) -> None:
    with held(rig, change) as host:
        host.app.rest()
        run = host.look()
        progress, sent = run["progress"], count_on(rig)
        assert (run["status"], progress["changes"]) == ("held", "SLUICE_QUEUES changed")
        assert progress["enqueued"] == sent < progress["fetched"] == progress["enqueued"] + progress["pending"]

        assert host.ask("resume").status_code == 202
        run = host.wait()
        assert (run["status"], run["report"]["enqueued"]) == ("completed", IDS)
        assert [warning["warning"] for warning in run["report"]["warnings"]] == ["change_accepted"]
        assert run["report"]["queues"] == f"{rig.name}-2"
        one, other = texts_on(rig.azurite, rig.name), texts_on(rig.azurite, f"{rig.name}-2")
        assert one.total() == sent
        assert sorted((one + other).elements()) == sorted(catalogue(rig.api_url))


def test_a_held_run_is_ended_by_a_cancel_and_held_again_when_it_is_redriven(rig: Rig) -> None:
    with held(rig, "in the middle") as host:
        assert host.ask("cancel").status_code == 202
        run = host.wait()
        assert (run["status"], run["report"]["pending"] > 0) == ("cancelled", True)
        assert host.ask("redrive").status_code == 202
        assert host.wait_for("held")["progress"]["changes"] == "SLUICE_QUEUES changed"
        assert texts_on(rig.azurite, f"{rig.name}-2").total() == 0
        host.app.rest()
        host.ask("resume")
        assert host.wait()["report"]["enqueued"] == IDS
