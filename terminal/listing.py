"""`sluice list`, `show`, `failures`, `rejected`: show runs."""

from datetime import UTC, datetime
from typing import Any

import click

from terminal.command import Command
from terminal.report import FEW, findings, next_steps, no_failures
from terminal.run_id import RUN_ID
from terminal.session import Session, row, table
from terminal.view import block, state
from terminal.words import count, duration, moment, named, one_line


@click.command("list", cls=Command, example="sluice list --status failed,held --source orders")
@click.option("--status", metavar="A,B", help="Only runs with one of these statuses.")
@click.option("--source", metavar="NAME", help="Only runs of this source.")
@click.option("--from", "since", metavar="TIME", help="Only runs started at or after this (local) time.")
@click.option("--to", "until", metavar="TIME", help="Only runs started before this time.")
@click.option("--limit", type=int, metavar="N", help="Show at most this many runs.  [default: 20]")
@click.option("--after", metavar="TOKEN", help="Continue a list: the token that the previous list printed.")
@click.pass_obj
def list_runs(
    session: Session, status: str | None, source: str | None, since: str | None, until: str | None,
    limit: int | None, after: str | None,
) -> None:  # fmt: skip
    """List runs, newest first."""
    filters: dict[str, Any] = {"status": status, "source": source, "from": utc(since), "to": utc(until)}
    filters |= {"limit": limit, "after": after}
    found = session.api.get("/runs", **filters)
    while not found["runs"] and found["next"]:  # a page may be empty: the app reads a limited number of runs for it
        found = session.api.get("/runs", **(filters | {"after": found["next"]}))
    rows = table("run", "source", "status", ">fetched", ">enqueued", ">rejected", ">failed", "started", ">took")
    for run in found["runs"]:
        counts = [count(run[name]) for name in ("fetched", "enqueued", "rejected", "failed")]
        took = "" if run.get("seconds") is None else duration(run["seconds"])
        row(rows, run["run_id"], run["source"], state(run["status"]), *counts, moment(run["started_at"]), took)
    session.data(found, rows)
    if found["next"]:
        session.hint(f"there are more runs: add --after {found['next']}")


def utc(text: str | None) -> str | None:
    """Return a time in UTC; a time without a zone is local, as in the tables. Leave a text that is not a time."""
    try:
        return f"{datetime.fromisoformat(text or '').astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    except ValueError:
        return text


@click.command(cls=Command, example="sluice show orders-2026-01")
@RUN_ID
@click.pass_obj
def show(session: Session, run_id: str) -> None:
    """Show a run: counts, rate, source, queues, estimated storage requests."""
    run = session.api.get(f"/runs/{run_id}")
    facts = table("", "")
    facts.show_header = False
    for name in ("started_at", "updated_at", "ended_at"):
        row(facts, name.removesuffix("_at"), moment(run.get(name)))
    for name in ("rate", "reading", "sending"):
        row(facts, name, named(run.get(name) or {}))
    for name, text in carried((run["report"] or {}).get("incremental") or {}).items():
        row(facts, name, text)
    if run.get("actions"):
        row(facts, "actions", ", ".join(run["actions"]))
    row(facts, "transactions (estimate)", named(run.get("transactions") or {}))
    session.data(run, block(run), *findings(run), facts)
    session.suggest(run, next_steps(run))


def carried(incremental: dict[str, Any]) -> dict[str, str]:
    """Return the range that a run read, and what became of the watermark; empty if it read no range."""
    if not incremental:
        return {}
    first, end = incremental["from"] or "the beginning", incremental["to"] or "the end"
    moved = "moved by this run" if incremental["moved"] else f"not moved: {incremental.get('reason', '?')}"
    mark = incremental.get("watermark")
    return {"range": f"{one_line(first)} to {one_line(end)}", "watermark": f"{mark} ({moved})" if mark else moved}


@click.command(cls=Command, example="sluice failures orders-2026-01")
@RUN_ID
@click.pass_obj
def failures(session: Session, run_id: str) -> None:
    """Show the failed messages of a run, by reason."""
    groups = by_reason(session, f"/runs/{run_id}/failures", "messages", "chunks", most=FEW)
    rows = table(">messages", ">chunks", "examples", "reason")
    for group in groups:
        such = ", ".join(map(str, group["examples"]))
        row(rows, count(group["messages"]), count(group["chunks"]), such, one_line(group["reason"]))
    lines = [rows] if groups else [no_failures(session.api.get(f"/runs/{run_id}"))]
    session.data({"groups": groups}, *lines)


@click.command(cls=Command, example="sluice rejected orders-2026-01 --examples 5 --payload")
@RUN_ID
@click.option("--examples", type=int, default=3, show_default=True, metavar="N", help="Examples for each reason.")
@click.option("--payload", is_flag=True, help="Show the content of the messages.")
@click.pass_obj
def rejected(session: Session, run_id: str, examples: int, payload: bool) -> None:
    """Show the messages of a run that no queue accepts, by reason."""
    asked = {"examples": examples, "payload": "true" if payload else None}
    groups = by_reason(session, f"/runs/{run_id}/rejected", "count", most=examples, **asked)
    lines = []
    for group in groups:
        lines.append(f"{count(group['count'])} {one_line(group['reason'])}")
        for one in group["examples"]:
            message = f"  {one['payload']}" if "payload" in one else ""
            lines.append(f"  chunk {one['chunk']}, message {one['index']}  {one['key']}{message}")
    session.data({"groups": groups}, *(lines or ["nothing was rejected"]))


def by_reason(session: Session, route: str, *counts: str, most: int, **asked: Any) -> list[dict[str, Any]]:
    """Return the groups of all pages of a route, summed by reason, largest first, each with at most `most` examples."""
    groups: dict[str, dict[str, Any]] = {}
    after = None
    while True:
        page = session.api.get(route, after=after, **asked)
        for group in page["groups"]:
            known = groups.setdefault(group["reason"], {**group, **dict.fromkeys(counts, 0), "examples": []})
            for name in counts:
                known[name] += group[name]
            known["examples"] = (known["examples"] + group["examples"])[:most]
        if (after := page["next"]) is None:
            return sorted(groups.values(), key=lambda group: -group[counts[0]])
