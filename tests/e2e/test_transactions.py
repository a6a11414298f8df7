"""The reported storage transactions of a run are those that it uses."""

import sys
from collections import Counter
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.queue import QueueClient

from ingestion.settings import load_settings
from ingestion.transactions import queue_messages, transactions
from local.benchmarks.scenarios.capacity import BLOB_KINDS
from tests.e2e.rig import IDS, Rig


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, rig: Rig) -> Counter[str]:
    """Count the requests that the app sends with Azure's client, by kind, as Azurite gets them."""
    found: Counter[str] = Counter()
    send = AioHttpTransport.send

    async def counting(self: AioHttpTransport, request: Any, **options: Any) -> Any:
        parts = urlsplit(request.url)
        query = parse_qs(parts.query)
        done = (query.get("comp") or query.get("restype") or [""])[0]
        found["queue" if parts.port == rig.azurite.ports["Queue"] else BLOB_KINDS[request.method, done]] += 1
        return await send(self, request, **options)

    monkeypatch.setattr(AioHttpTransport, "send", counting)
    return found


def without_looks(rig: Rig) -> None:
    """Stop the workers from reading commands, whose number depends on how busy the machine is."""
    rig.monkeypatch.setattr(sys.modules["ingestion.run.at_work"], "LOOK_SECONDS", 3600.0)  # as the host has loaded it


def check(estimate: dict[str, Any], counted: Counter[str]) -> None:
    """Check that the estimate of each kind is within a fifth of the sent requests."""
    for kind, count in counted.items():
        assert abs(estimate[kind] - count) <= max(3, 0.2 * count), (
            f"{kind}: {count} were sent, {estimate[kind]} were estimated"
        )


@pytest.mark.parametrize("settings", [{}, {"SLUICE_MESSAGE_FORMAT": "packed", "SLUICE_PACK_MESSAGES": "10"}])
@pytest.mark.parametrize("chunk_size", [25, 100])
def test_the_estimated_transactions_of_a_run_are_right_within_a_fifth(
    rig: Rig, counted: Counter[str], settings: dict[str, str], chunk_size: int
) -> None:
    rig.settings = settings
    with rig.host() as host:
        without_looks(rig)
        host.start(chunk_size=chunk_size)
        report = host.wait()["report"]
        sent = load_settings()
    estimate = transactions(
        queue_messages=queue_messages(report["enqueued"], report["chunks_done"], sent),
        chunks=report["chunks_done"],
        batches=report["batches"],
        windows=report["batches"] + 1,
    )
    with QueueClient.from_connection_string(rig.azurite.connection_string, rig.name) as queue:
        counted["queue"] += queue.get_queue_properties().approximate_message_count or 0  # the app puts them itself
    check(estimate._asdict(), counted)
    of_the_app = estimate.total - estimate.durable_queue - estimate.durable_table
    assert abs(of_the_app - counted.total()) <= 0.1 * counted.total()


CHECKPOINTS = {"SLUICE_CHECKPOINT_MESSAGES": "100", "SLUICE_SEND_CONCURRENCY": "4"}  # as far apart as 1000 and 32 are


@pytest.mark.parametrize("settings", [CHECKPOINTS, {"SLUICE_MAX_MESSAGES_PER_SECOND": "40"}])
def test_the_estimated_transactions_of_a_slow_run_are_right_too(
    rig: Rig, counted: Counter[str], settings: dict[str, str]
) -> None:
    rig.settings = settings
    with rig.host() as host:
        began = monotonic()
        host.start(chunk_size=280)
        report = host.wait()["report"]
        seconds, sent = monotonic() - began, load_settings()
    estimate = transactions(
        queue_messages=IDS,
        chunks=report["chunks_done"],
        batches=report["batches"],
        windows=report["batches"] + 1,
        seconds=seconds,
        checkpoint_messages=sent.checkpoint_messages,
        has_ceiling=sent.max_messages_per_second > 0,
    )
    counted["queue"] += IDS
    check(estimate._asdict(), counted)


def test_a_plan_expects_what_the_run_then_takes(rig: Rig, counted: Counter[str]) -> None:
    with rig.host() as host:
        without_looks(rig)
        plan = host.http.post("/api/plan", json={"source": "demo", "chunk_size": 25}).json()
        counted.clear()
        host.start()
        report = host.wait()["report"]
    assert plan["problems"] == []
    expected = plan["expect"]
    assert (expected["items"], expected["pages"]) == (report["fetched"], report["pages"]) == (IDS, 6)
    counted["queue"] += report["enqueued"]
    check(expected["transactions"], counted)
