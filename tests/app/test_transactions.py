"""The estimate of a run's storage transactions: by the counts of a real host, and by each setting that matters."""

import pytest

from ingestion.contracts import SCHEMA, Run, RunRequest, RunState, Sums
from ingestion.settings import Settings, load_settings
from ingestion.transactions import IDLE_SECOND, Transactions, of_run, queue_messages, transactions
from tests.app_host import NO_STORAGE

REAL_HOST = [  # chunks, batches, seconds, and what Durable Functions asked of its queues and its tables, idle included
    pytest.param(12, 1, 90, 17 * 2 + 364 + 51 + 16 * 2 + 10, 15 * 3 + 60, id="60,000 ids raw"),
    pytest.param(100, 5, 21, 113 * 2 + 432 + 161 + 112 * 2, 74 * 3 + 20, id="500,000 ids packed"),
]
POLLED_EACH_SECOND = 3.76 - IDLE_SECOND.durable_queue  # gets of idle queues: those runs had an interval of one second


def settings(**names: str) -> Settings:
    return load_settings({"AzureWebJobsStorage": NO_STORAGE, **names})


def estimated(**changed: float) -> Transactions:
    given = {"queue_messages": 60_000, "chunks": 12, "batches": 1, "windows": 2, **changed}
    return transactions(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("chunks", "batches", "seconds", "of_queues", "of_tables"), REAL_HOST)
def test_what_durable_functions_takes_is_what_the_real_host_took(
    chunks: int, batches: int, seconds: int, of_queues: int, of_tables: int
) -> None:
    found = estimated(chunks=chunks, batches=batches, windows=batches + 1, seconds=seconds)
    assert found.durable_queue + seconds * POLLED_EACH_SECOND == pytest.approx(of_queues, rel=0.2)
    assert found.durable_table == pytest.approx(of_tables, rel=0.2)


@pytest.mark.parametrize(
    "more",
    [
        {"queue_messages": 61_000},
        {"chunks": 13},
        {"batches": 2},
        {"windows": 3},
        {"attempts": 2},
        {"seconds": 60.0},
        {"retries": 1},
        {"queues": 2},
        {"checkpoint_messages": 100},
        {"seconds": 60.0, "has_ceiling": True},
    ],
    ids=lambda more: next(iter(more)),
)
def test_a_run_that_does_more_takes_more(more: dict[str, float]) -> None:
    assert all(now >= before for now, before in zip(estimated(**more), estimated(), strict=True))
    assert estimated(**more).total > estimated().total


def test_the_total_is_the_sum_of_the_kinds() -> None:
    answer = estimated(seconds=90.0).as_json()
    kinds = {name: count for name, count in answer.items() if name not in ("total", "rests_on")}
    assert kinds.keys() == {*Transactions._fields}
    assert answer["total"] == sum(count for count in kinds.values() if isinstance(count, int))
    assert answer["rests_on"]


@pytest.mark.parametrize(
    ("names", "message_bytes", "posts"),
    [
        ({}, 20, 10_000),
        ({"SLUICE_MESSAGE_FORMAT": "envelope"}, 20, 10_000),
        ({"SLUICE_MESSAGE_FORMAT": "packed"}, 20, 10),
        ({"SLUICE_MESSAGE_FORMAT": "packed", "SLUICE_PACK_MESSAGES": "100"}, 20, 100),
        ({"SLUICE_MESSAGE_FORMAT": "packed"}, 1_000, 2 * 103),  # by the bytes of a pack
        ({"SLUICE_MESSAGE_FORMAT": "packed"}, 60_000, 10_000),  # each is too large for a pack
    ],
)
def test_a_pack_holds_as_many_messages_as_both_limits_allow(
    names: dict[str, str], message_bytes: int, posts: int
) -> None:
    assert queue_messages(10_000, 2, settings(**names), message_bytes) == posts


def test_a_run_under_way_has_taken_what_it_has_done_so_far() -> None:
    request = RunRequest(source="demo", chunk_size=5_000, chunks_per_batch=20)
    begun = RunState(schema=SCHEMA, run=Run("run", "start"), request=request, started_at="2026-01-01T00:00:00+00:00")
    later = RunState(
        schema=SCHEMA,
        run=begun.run,
        request=request,
        started_at=begun.started_at,
        batches=3,
        window=2,
        done=Sums(chunks=40, messages=200_000, enqueued=200_000, retries=7),
    )
    at_start = of_run(begun, settings(), enqueued=0, chunks=0, seconds=1.0)
    now = of_run(later, settings(), enqueued=210_000, chunks=42, seconds=100.0)
    assert (at_start.queue, now.queue) == (2, 210_000 + 7 + 2)
    assert now.blob_writes > at_start.blob_writes
