"""Servers that each misbehave in one way: does every message arrive once, or does the run say why not?

SIZE counts the items of each server. Each contestant reads every server to its end; what is then on the queue is
compared with what the server has, number for number. An outcome other than `exact` and `refused` fails the scenario.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from local.benchmarks.findings import Figures, Row
from local.benchmarks.gauntlet.server import gauntlet_server
from local.benchmarks.gauntlet.situation import SITUATIONS, Situation, as_it_stands
from local.demo.readback import pages
from local.demo.run_client import ENDED, RunClient, RunError, Status
from local.demo.settings import ApiSettings
from local.demo.stack import Stack

SIZE = 50
REPEATS = 1
HUNG_SECONDS = 90.0  # for all runs together, which begin at the same time
CAUSE_CHARACTERS = 120  # of a cause, in the table
GOOD = ("exact", "refused")
SETTINGS = {"SLUICE_MESSAGE_FORMAT": "envelope", "SLUICE_CHUNKS_PER_BATCH": "2"}  # the run of a message; some batches
CHUNK_SIZE = 10


def measure(size: int, repeat: int, folder: Path) -> Iterator[tuple[str, Figures]]:
    sources = folder / "sources.toml"
    environment = {**SETTINGS, "SLUICE_SOURCES": str(sources)}
    with gauntlet_server(folder, size) as server:
        tables = {each.name: described(each, each.description, server.url) for each in SITUATIONS}
        edited = {each.name: described(each, each.edited, server.url) for each in SITUATIONS if each.edited}
        written(sources, tables)
        with (
            Stack(ApiSettings(ids=1), folder=folder / "stack", environment=environment) as stack,
            RunClient(stack.devhost.url) as client,
        ):
            refused = started(client)
            ended = followed(stack, client, sources, tables, edited, refused)
            queued = by_run(stack)
    for situation in sorted(SITUATIONS, key=lambda each: each.number):
        name = situation.name
        outcome, cause = judged(situation, size, queued[name], ended.get(name), refused.get(name, ""))
        yield (
            "sluice",
            {
                "situation": name.replace("_", " "),
                "item": situation.number,
                "report": situation.report,
                "outcome": outcome,
                "cause": " ".join(cause.replace(server.url, "").split())[:CAUSE_CHARACTERS],
            },
        )


def written(sources: Path, tables: dict[str, str]) -> None:
    """Put the tables into the file, which is read all the while."""
    other = sources.with_suffix(".new")
    other.write_text("\n".join(tables.values()), encoding="utf-8")
    other.replace(sources)


def described(situation: Situation, description: str, url: str) -> str:
    return f'[{situation.name}]\nurl = "{url}/{situation.name}"\n{description}\n'


def started(client: RunClient) -> dict[str, str]:
    """Start a run for each situation, under its name; return why those that could not be started were refused."""
    refused = {}
    for situation in SITUATIONS:
        try:
            client.start(source=situation.name, run_id=situation.name, chunk_size=CHUNK_SIZE)
        except RunError as error:
            refused[situation.name] = str(error)
    return refused


def followed(
    stack: Stack,
    client: RunClient,
    sources: Path,
    tables: dict[str, str],
    edited: dict[str, str],
    refused: dict[str, str],
) -> dict[str, Status]:
    """Return the last status of each run that came to an end in time; edit the description of one that waits."""
    ended: dict[str, Status] = {}
    deadline = time.monotonic() + HUNG_SECONDS
    while time.monotonic() < deadline and len(ended) + len(refused) < len(SITUATIONS):
        stack.check()
        for name in tables.keys() - ended.keys() - refused.keys():
            status = client.status(name)
            if name in edited and status["status"] == "waiting":
                tables[name] = edited.pop(name)
                written(sources, tables)
            if status["status"] in (*ENDED, "held"):
                ended[name] = status
        time.sleep(0.5)
    return ended


def by_run(stack: Stack) -> dict[str, Counter[str]]:
    """Return the messages on the queue by the run that sent them."""
    queued: dict[str, Counter[str]] = defaultdict(Counter)
    for page in pages(stack.azurite.connection_string, stack.queue):
        for message in page:
            envelope = dict(json.loads(as_it_stands(message.content))["object"])
            queued[envelope["run"]][json.dumps(envelope.get("id", envelope.get("record")))] += 1
    return queued


def judged(
    situation: Situation, size: int, queued: Counter[str], status: Status | None, refused: str
) -> tuple[str, str]:
    """Return what became of a run, and the cause that it gives."""
    truth = situation.truth(size)
    if refused:
        return "not started", refused
    if status is None:
        return "hung", ""
    if queued == truth:
        return "exact", ""
    cause = cause_of(status)
    if status["status"] == "completed":
        amiss = {
            "lost": truth - queued,
            "doubled": (queued - truth).keys() & truth.keys(),
            "foreign": queued.keys() - truth.keys(),
        }
        return " and ".join(word for word, messages in amiss.items() if messages), cause
    named = situation.cause and situation.cause.lower() in cause.lower()
    return "refused" if named else "refused for another cause", cause


def cause_of(status: Status) -> str:
    """Return what the error of a run says, or else its warnings and failures, or the change that holds it."""
    report: dict[str, Any] = status["report"] or {}
    told = [*report.get("warnings", []), *report.get("failures", []), (status["progress"] or {}).get("changes", "")]
    error = report.get("error") or status["error"]
    said = [error] if error else told
    return f"{status['status']}: {' '.join(each if isinstance(each, str) else json.dumps(each) for each in said)}"


def table(rows: Sequence[Row]) -> str:
    """Return a line in Markdown for each situation."""
    lines = ["| situation | report | outcome | cause |", "|---|---|---|---|"]
    for row in rows:
        cause = str(row["cause"]).replace("|", "\\|").replace("<", "&lt;")
        lines.append(f"| {row['item']}: {row['situation']} | {row['report']} | {row['outcome']} | {cause} |")
    return "\n".join(lines)


def line(rows: Sequence[Row]) -> str:
    """Return `key=value ...`: how many situations had each outcome."""
    counts = Counter(str(row["outcome"]) for row in rows)
    outcomes = [*GOOD, *sorted(counts.keys() - set(GOOD))]
    return " ".join(f"{outcome.replace(' ', '_')}={counts[outcome]}" for outcome in outcomes)


def bad(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that fail the scenario."""
    return [row for row in rows if row["outcome"] not in GOOD]
