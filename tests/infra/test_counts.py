"""Queries return the right counts, over records of the app and over those that the real host sent."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.log import log
from local.demo.stack import ROOT
from tests.e2e.rig import IDS, Rig
from tests.infra.kql import QUERIES, Trace, answer

ENVELOPES = json.loads((ROOT / "tests/real_host/data/telemetry.json").read_text("utf-8"))
GOLDEN = [
    Trace(datetime.fromisoformat(each["time"]), each["data"]["baseData"]["message"])
    for each in ENVELOPES
    if each["name"] == "AppTraces"
]
COMPLETED, FAILED = "74b0d7b728fa48068e5a618f221dc576", "66664a983c7246d1a29d82adffdf5fc9"
START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)


def counts(name: str, records: list[Trace], run: str = "") -> int:
    return len(answer(name, records, run=run))


def test_over_what_the_real_host_sent() -> None:
    """The real host sent six records of two runs, among its own."""
    runs = {each["run_id"]: each for each in answer("runs", GOLDEN)}
    assert [each["run_id"] for each in answer("run_ids", GOLDEN)] == [FAILED, COMPLETED]
    assert set(runs) == {COMPLETED, FAILED}
    done = runs[COMPLETED]
    assert (done["source"], done["outcome"], done["enqueued"], done["seconds"]) == ("demo", "completed", 6000, 26.994)
    assert (runs[FAILED]["outcome"], runs[FAILED]["enqueued"]) == ("failed", 0)
    assert [each["action"] for each in answer("run", GOLDEN, run=COMPLETED)] == [
        "run_ended",
        "chunk_enqueued",
        "chunk_enqueued",
        "batch_fetched",
    ]
    assert [each["messages"] for each in answer("throughput", GOLDEN)] == [1000], "two chunks of 500"
    (failure,) = answer("failures", GOLDEN)
    assert (failure["action"], failure["run_id"]) == ("fetch_failed", FAILED)
    (alert,) = answer("alert_run_failed", GOLDEN)
    assert (alert["run_id"], alert["outcome"]) == (FAILED, "failed")
    others = [name for name in QUERIES if name.startswith("alert_") and name != "alert_run_failed"]
    assert {name: counts(name, GOLDEN) for name in others} == {
        name: 1 if name == "alert_keeper_silent" else 0 for name in others
    }
    assert answer("alert_keeper_silent", GOLDEN) == [{"looks": 0}]


def traces(caplog: pytest.LogCaptureFixture) -> list[Trace]:
    """Return the text of each log record of the app, which is what the worker forwards."""
    return [
        Trace(datetime.fromtimestamp(record.created, UTC), record.getMessage())
        for record in caplog.records
        if record.name == "sluice"
    ]


def test_over_the_records_of_runs_from_end_to_end(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """One run completes; another one fails at three chunks of 25 and is redriven; the keeper looks twice."""
    caplog.set_level(logging.INFO, "sluice")
    rig.settings["SLUICE_KEEPER_SECONDS"] = "60"
    with rig.host() as host:
        host.start("good")
        assert host.wait("good")["status"] == "completed"
        rig.refused = {1, 6, 19}
        host.start("bad", tolerated_failures="50%")
        assert host.wait("bad")["status"] == "completed_with_failures"
        before = traces(caplog)
        rig.refused = ()
        host.ask("redrive", "bad")
        assert host.wait("bad")["status"] == "completed"
        records = traces(caplog)
        for _ in range(2):
            host.app.advance(timedelta(minutes=1))
            host.app.rest()
        looked = traces(caplog)[len(records) :]

    then = {each["run_id"]: each for each in answer("runs", before)}
    assert {run_id: (each["outcome"], each["enqueued"], each["failed"]) for run_id, each in then.items()} == {
        "good": ("completed", IDS, 0),
        "bad": ("completed_with_failures", IDS - 75, 75),
    }
    assert [each["run_id"] for each in answer("alert_run_failed", before)] == ["bad"]
    assert sorted(each["chunk"] for each in answer("failures", before)) == [1, 6, 19]
    runs = {each["run_id"]: each for each in answer("runs", records)}
    assert [(each["outcome"], each["enqueued"]) for each in runs.values()] == [("completed", IDS)] * 2
    sent = dict.fromkeys(runs, 0)
    for row in answer("throughput", records):
        sent[row["run_id"]] += row["messages"]
    assert sent == {"good": IDS, "bad": IDS}, "a chunk that was done twice counts once"
    open_run = [each for each in before if '"run_ended"' not in each.message]
    assert {each["outcome"] for each in answer("runs", open_run)} == {"open"}
    assert {each["enqueued"] for each in answer("runs", open_run)} == {IDS, IDS - 75}
    assert counts("run", records, run="good") == sum('"run_id": "good"' in each.message for each in records)

    (looks,) = answer("alert_keeper_silent", looked)
    assert looks["looks"] >= 2
    (depth,) = answer("alert_queue_depth", looked)
    assert depth == {"queue": rig.name, "depth": 2 * IDS}
    assert answer("alert_poison_queue", looked) == []
    assert {(each["queue"], each["depth"], each["poison_depth"]) for each in answer("depths", looked)} == {
        (rig.name, 2 * IDS, 0)
    }


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[..., list[Trace]]:
    """Logs as the app does, and returns the records so far."""
    caplog.set_level(logging.INFO, "sluice")

    def tell(action: str = "", **facts: Any) -> list[Trace]:
        if action:
            log(action, "something was seen", **facts)
        return traces(caplog)

    return tell


def ended(outcome: str, **facts: Any) -> dict[str, Any]:
    counted = {"fetched": 100, "enqueued": 90, "rejected": 10, "failed": 0, "seconds": 1.0}
    return {"run_id": "run", "source": "demo", "outcome": outcome, **counted, **facts}


OUTCOMES = {
    "completed": [],
    "cancelled": [],
    "completed_with_rejects": ["alert_completed_with_rejects"],
    "completed_with_other_total": ["alert_completed_with_rejects"],
    "completed_with_failures": ["alert_run_failed"],
    "failed": ["alert_run_failed"],
    "terminated": ["alert_run_failed"],
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_each_outcome_of_a_run_has_its_alert_or_none(outcome: str, logged: Any) -> None:
    records = logged("run_ended", **ended(outcome))
    on_outcome = ("alert_run_failed", "alert_completed_with_rejects", "alert_run_empty")
    assert [name for name in on_outcome if counts(name, records)] == OUTCOMES[outcome]


def test_outcomes_are_those_of_the_glossary() -> None:
    glossary = (ROOT / "docs/glossary.md").read_text("utf-8").partition("## Outcomes")[2].partition("\n## ")[0]
    named = {line.split("`")[1] for line in glossary.splitlines() if line.startswith("| `")}
    assert set(OUTCOMES) == named


def test_a_completed_run_without_a_message_is_an_alert_and_a_failed_one_only_once(logged: Any) -> None:
    logged("run_ended", **ended("completed", fetched=0, run_id="empty"))
    records = logged("run_ended", **ended("failed", fetched=0, run_id="failed"))
    assert [each["run_id"] for each in answer("alert_run_empty", records)] == ["empty"]


def test_a_held_run_a_standstill_and_a_missed_due_time_are_one_row_per_record(logged: Any) -> None:
    logged("run_held", run_id="run", changes="source demo: items changed")
    logged("run_stands_still", run_id="run", since="2026-01-05T06:00:00+00:00", seconds=700)
    logged("schedule_skipped", source="demo", due="2026-01-05T06:00:00+00:00", missed=0, reason="running")
    logged("schedule_started", source="demo", due="2026-01-05T07:00:00+00:00", run_id="run", missed=0)
    records = logged("schedule_blocked", source="demo", reason="the app setting X is not set")
    (held,) = answer("alert_run_held", records)
    assert held["changes"] == "source demo: items changed"
    (still,) = answer("alert_run_stands_still", records)
    assert (still["run_id"], still["seconds"]) == ("run", 700)
    assert {(each["action"], each["reason"]) for each in answer("alert_schedule_missed", records)} == {
        ("schedule_skipped", "running"),
        ("schedule_blocked", "the app setting X is not set"),
    }


def sent(chunk: int, **facts: Any) -> dict[str, Any]:
    counted = {"messages": 98, "rejected": 2, "retries": 3, "throttled_seconds": 0.0, "seconds": 5.0}
    return {"run_id": "run", "chunk": chunk, **counted, **facts}


def test_share_of_rejects_is_that_of_all_chunks_so_far_each_counted_once(logged: Any) -> None:
    logged("chunk_enqueued", **sent(0))
    logged("chunk_enqueued", **sent(0))
    logged("chunk_enqueued", **sent(1, messages=100, rejected=0))
    records = logged("chunk_enqueued", **sent(0, run_id="clean", messages=10, rejected=0))
    assert answer("alert_rejected_share", records) == [{"run_id": "run", "rejected": 2, "all": 200, "percent": 1.0}]


def test_seconds_of_throttling_are_summed_for_each_run(logged: Any) -> None:
    logged("chunk_enqueued", **sent(0, throttled_seconds=1.5))
    logged("chunk_enqueued", **sent(1, throttled_seconds=2.5))
    logged("chunk_enqueued", **sent(0, run_id="calm"))
    records = logged("source_waited_for", run_id="run", source="demo", waiting_for="source", seconds=30.0)
    assert answer("alert_throttled", records) == [{"run_id": "run", "throttled_seconds": 4.0}]
    rows = {each["run_id"]: each for each in answer("throttling", records)}
    assert (rows["run"]["retries"], rows["run"]["queue_seconds"], rows["run"]["source_seconds"]) == (6, 4.0, 30.0)
    assert rows["calm"]["source_seconds"] == 0.0


def test_of_each_queue_and_watermark_the_last_look_counts(logged: Any) -> None:
    logged("queue_depth", queue="orders", depth=5, poison_depth=2)
    logged("queue_depth", queue="orders", depth=7, poison_depth=0)
    logged("queue_depth", queue="OTHER/orders", depth=1, poison_depth=3)
    logged("queue_depth", queue="blind", depth=None, poison_depth=None)
    logged("watermark_age", source="demo", watermark="demo", seconds=7200)
    records = logged("watermark_age", source="demo", watermark="demo", seconds=3600)
    depths = {each["queue"]: each["depth"] for each in answer("alert_queue_depth", records)}
    assert depths == {"orders": 7, "OTHER/orders": 1, "blind": None}
    assert answer("alert_poison_queue", records) == [{"queue": "OTHER/orders", "poison_depth": 3}]
    assert answer("alert_watermark_old", records) == [{"watermark": "demo", "hours": 1.0}]


def test_transactions_are_summed_by_account_and_service() -> None:
    start = "/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.STORAGE/STORAGEACCOUNTS"
    metrics = [
        {
            "TimeGenerated": START.replace(tzinfo=None),
            "MetricName": name,
            "ResourceId": f"{start}/{place}",
            "Total": total,
        }
        for name, place, total in (
            ("Transactions", "SLUICEHOST1/BLOBSERVICES/DEFAULT", 5.0),
            ("Transactions", "SLUICEHOST1/BLOBSERVICES/DEFAULT", 6.0),
            ("Transactions", "SLUICEQ11/QUEUESERVICES/DEFAULT", 7.0),
            ("Egress", "SLUICEQ11/QUEUESERVICES/DEFAULT", 1000.0),
        )
    ]
    rows = {(each["account"], each["service"]): each["transactions"] for each in answer("transactions", [], metrics)}
    assert rows == {("sluicehost1", "blob"): 11.0, ("sluiceq11", "queue"): 7.0}
