"""Canned answers of the API, for states that a real run reaches only after hours, or by accident."""

from typing import Any

Body = dict[str, Any]
STARTED = "2026-11-26T02:00:04+00:00"
NOW = "2026-11-26T02:07:31+00:00"


def run(run_id: str = "orders-20261126", status: str = "running", **changes: Any) -> Body:
    """Return a run of a million messages, half done; `changes` replace its fields, or in an object single keys."""
    ended = status.startswith(("completed", "failed", "cancelled", "terminated"))
    found: Body = {
        "run_id": run_id,
        "source": "orders",
        "status": status,
        "started_at": STARTED,
        "updated_at": NOW,
        "ended_at": NOW if ended else None,
        "actions": ["pause", "cancel"],
        "progress": {
            "phase": "running", "fetched": 560_000, "enqueued": 431_208, "rejected": 12, "failed": 5_000,
            "chunks_done": 86, "batches": 6, "source_exhausted": False, "source_total": 1_000_000, "pending": 123_780,
            "chunks_total": 112, "counts_at": NOW, "recoveries": [], "pages": 560, "possible_duplicates": 3,
            "retries": 41, "throttled_seconds": 0.0,
        },
        "rate": {"now": 1_004.2, "overall": 964.6},
        "estimate": {
            "seconds_left": 566, "total": 1_000_000,
            "rests_on": "the rate of the last minute, and the total that the source says",
        },
        "chunks": {"total": 112, "per_cell": 1, "cells": "d" * 41 + "f" + "d" * 44 + "w" * 5 + "p" * 21},
        "reading": {
            "style": "cursor", "page_size": 2_000, "page_size_got": 1_000, "pages": 560, "refused": 7, "ended": None,
        },
        "sending": {
            "queues": ["orders-a", "orders-b"], "shards": 2, "format": "raw", "encoding": "base64", "retries": 41,
            "throttled_seconds": 0.0,
        },
        "transactions": {
            "queue": 431_261, "blob_writes": 1_012, "blob_reads": 488, "blob_lists": 2, "blob_other": 97,
            "blob_deletes": 0, "durable_queue": 1_310, "durable_table": 922, "total": 435_092,
            "rests_on": "counted messages and chunks; polls of the status are not among them",
        },
        "report": None,
        "error": None,
    }  # fmt: skip
    for name, change in changes.items():
        both = isinstance(change, dict) and isinstance(found.get(name), dict)
        found[name] = {**found[name], **change} if both else change
    return found


def summary(run_id: str, status: str, **changes: Any) -> Body:
    """Return a row of the list."""
    return {
        "run_id": run_id, "source": "orders", "status": status, "started_at": STARTED, "counts_at": NOW,
        "ended_at": None, "fetched": 560_000, "enqueued": 431_208, "rejected": 0, "failed": 0, "pending": 128_792,
        "source_total": 1_000_000, "seconds": None, "error": None, **changes,
    }  # fmt: skip


def timeline(points: int = 90) -> Body:
    """Return the timeline of a run that sends a thousand messages per second, except in one pause."""
    rates = [847 + 37 * (at * 7 % 11) - (180 if at % 13 == 0 else 0) for at in range(points)]
    rates = [0 if 40 <= at < 46 else rate for at, rate in enumerate(rates)]
    drawn, enqueued = [], 0
    for at, rate in enumerate(rates):
        second = 4 + at * 5
        drawn.append({
            "at": f"2026-11-26T02:{second // 60:02}:{second % 60:02}+00:00", "seconds": at * 5, "enqueued": enqueued,
            "fetched": enqueued + 100_000, "rejected": 12, "failed": 0,
        })  # fmt: skip
        enqueued += rate * 5
    events = [
        {"at": "2026-11-26T02:00:04+00:00", "event": "started", "text": "by POST /api/runs"},
        {"at": "2026-11-26T02:03:20+00:00", "event": "pause", "text": "a person gave the command"},
        {"at": "2026-11-26T02:03:50+00:00", "event": "resume", "text": "a person gave the command"},
        {"at": "2026-11-26T02:05:12+00:00", "event": "failed", "text": "chunk 41: HTTP 403 (AuthorizationFailure)"},
    ]
    return {"points": drawn, "events": events, "full": False}


FAILURES: Body = {
    "groups": [
        {
            "reason": "the queue answered HTTP 403 (AuthorizationFailure)",
            "chunks": 1, "messages": 5_000, "examples": [41],
        },
    ],
    "next": None,
}  # fmt: skip
REJECTED: Body = {
    "groups": [
        {
            "reason": "larger than a queue message may be (64 KiB)", "count": 12,
            "examples": [{"chunk": 3, "index": 17, "key": "r/1/3/17"}, {"chunk": 9, "index": 4_204, "key": "r/1/9/42"}],
        },
    ],
    "next": None,
}  # fmt: skip
QUEUES: Body = {
    "queues": [
        {"name": "orders-a", "depth": 215_611, "poison_depth": 0},
        {"name": "orders-b", "depth": 215_597, "poison_depth": 2},
    ],
    "depth": 431_208,
    "poison_depth": 2,
}
SOURCES: Body = {
    "sources": [
        {
            "name": "orders", "host": "api.example.com", "style": "cursor", "description_ok": True, "problem": None,
            "schedule": "0 0 2 * * *", "incremental": True, "next_due": "2026-11-27T02:00:00+00:00",
            "parameters": {
                "region": {"allowed": ["eu", "us"], "pattern": None, "default": "eu"},
                "kind": {"allowed": None, "pattern": "[a-z]+", "default": None},
            },
        },
        {
            "name": "customers", "host": "crm.example.com", "style": "page_number", "description_ok": False,
            "problem": "[customers.auth] token: the app setting CRM_TOKEN is not set", "schedule": None,
            "incremental": False, "next_due": None, "parameters": {},
        },
    ],
}  # fmt: skip
PLAN: Body = {
    "source": "orders",
    "items": [
        {"key": f"{{run}}/{{start}}/0/{at}", "text": name, "sent": "b3JkZXI=", "bytes": 24, "messages": 1}
        for at, name in enumerate(("order-0001-7f3a", "order-0002-91bc", "order-0003-55d0"))
    ],
    "pages_read": 2, "page_items": 1_000, "next": "after = MTAwMA==", "total": 1_000_000,
    "end": "a page without a cursor at meta.next_cursor",
    "expect": {
        "pages": 1_000, "items": 1_000_000, "seconds": 534.1, "instances": 1,
        "transactions": {
            "queue": 1_000_002, "blob_writes": 2_300, "blob_reads": 1_100, "blob_lists": 2, "blob_other": 200,
            "blob_deletes": 0, "durable_queue": 3_000, "durable_table": 2_000, "total": 1_008_604,
            "rests_on": "counted kind by kind",
        },
        "money": {
            "currency": "USD", "total": 0.44, "parts": {"queue_operations": 0.4, "gb_seconds": 0.028}, "without": [],
            "rests_on": "list prices of eastus as read on 2026-11-26, without discount, tax and free grants",
        },
        "rests_on": "the source's own total, in pages of 1,000; 0.04 s a page; limited by the queues",
    },
    "problems": [],
}  # fmt: skip


def many() -> dict[str, Body]:
    """Return the answers of an app with some runs, by path below /api/."""
    waiting = {
        "phase": "waiting", "waiting_for": "outage", "reason": "HTTP 503", "attempts": 10,
        "wait_until": "2026-11-26T02:12:40+00:00", "patience_until": "2026-11-26T02:26:40+00:00",
    }  # fmt: skip
    ended = {"ended_at": NOW, "pending": 0}
    runs = [
        summary("orders-20261126", "running", failed=5_000, rejected=12),
        summary("events-backfill", "waiting", source="events", source_total=None),
        summary("customers-7", "paused", source="customers"),
        summary("invoices-1125", "completed_with_failures", source="invoices", fetched=88_000, enqueued=83_000,
                failed=5_000, source_total=88_000, seconds=91.2, **ended),
        summary("orders-20261125", "completed", fetched=982_114, enqueued=982_114, source_total=982_114,
                seconds=1_010.4, **ended),
        summary("tickets-3", "failed", source="tickets", fetched=0, enqueued=0, source_total=None, seconds=12.1,
                error="the source answered HTTP 401 to the first page: check the app setting TICKETS_TOKEN", **ended),
        summary("ledger-import", "completed_with_rejects", source="ledger", fetched=40_000, enqueued=39_988,
                rejected=12, source_total=40_000, seconds=44.0, **ended),
        summary("catalogue", "cancelled", source="catalogue", fetched=100_000, enqueued=40_000, pending=60_000,
                source_total=500_000, seconds=41.0, ended_at=NOW),
    ]  # fmt: skip
    return {
        "runs": {"runs": runs, "next": "token"},
        "sources": SOURCES,
        "plan": PLAN,
        **about(run()),
        **about(run("events-backfill", "waiting", progress=waiting)),
    }


def about(found: Body) -> dict[str, Body]:
    """Return the answers about one run, by path."""
    path = f"runs/{found['run_id']}"
    return {
        path: found,
        f"{path}/timeline": timeline(),
        f"{path}/failures": FAILURES,
        f"{path}/rejected": REJECTED,
        f"{path}/queues": QUEUES,
    }


def large(chunks: int = 10_000) -> Body:
    """Return a run with so many chunks that each cell of the strip of chunks shows several."""
    each = -(-chunks // 400)
    cells = -(-chunks // each)
    done = cells * 3 // 4
    strip = "".join("f" if at % 97 == 13 else "d" for at in range(done)) + "www" + "p" * (cells - done - 3)
    return run(
        "large",
        chunks={"total": chunks, "per_cell": each, "cells": strip},
        progress={"chunks_total": chunks, "chunks_done": chunks * 3 // 4},
    )
