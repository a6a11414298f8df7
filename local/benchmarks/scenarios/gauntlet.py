"""Servers that each misbehave in one way: does every message arrive once, or does the run say why not?

SIZE counts the items of each server. Sluice reads every server to its end. Then the scenario compares the messages on
the queue with the items of the server, digit for digit. An outcome other than `exact` and `refused` fails the scenario.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from local.benchmarks.findings import Figures, Row
from local.benchmarks.gauntlet.server import gauntlet_server
from local.benchmarks.gauntlet.situation import SITUATIONS, Situation, as_it_stands
from local.demo.readback import pages
from local.demo.run_client import ENDED, POLL_SECONDS, RunClient, RunError, Status
from local.demo.settings import ApiSettings
from local.demo.stack import Stack

SIZE = 50
REPEATS = 1
HUNG_SECONDS = 90.0  # for all runs, which begin at the same time
CAUSE_CHARACTERS = 200  # of a cause, in the table
GOOD = ("exact", "refused")
SETTINGS = {"SLUICE_MESSAGE_FORMAT": "envelope", "SLUICE_CHUNKS_PER_BATCH": "2"}  # an envelope names the run
CHUNK_SIZE = 10


def measure(size: int, repeat: int, folder: Path) -> Iterator[tuple[str, Figures]]:
    with gauntlet_server(folder, size) as server:
        descriptions = Descriptions(folder / "sources.toml", server.url)
        environment = {**SETTINGS, "SLUICE_SOURCES": str(descriptions.file)}
        with (
            Stack(ApiSettings(ids=1), folder=folder / "stack", environment=environment) as stack,
            RunClient(stack.devhost.url) as client,
        ):
            refused = started(client)
            ended = followed(stack, client, descriptions, refused)
            queued = by_run(stack)
    for situation in sorted(SITUATIONS, key=lambda each: each.number):
        name = situation.name
        outcome, cause = judged(situation, size, queued[name], ended.get(name), refused.get(name, ""))
        words = {"situation": name.replace("_", " "), "report": situation.report, "outcome": outcome}
        cause = " ".join(cause.replace(f"{server.url}/{name}", "/").split())[:CAUSE_CHARACTERS]
        yield "sluice", {"item": situation.number, **words, "cause": cause}


class Descriptions:
    """The file of sources, with a table for each situation; the app reads it during the whole run."""

    def __init__(self, file: Path, url: str) -> None:
        self.file, self._url = file, url
        self._edited: set[str] = set()
        self._write()

    def edit(self, situation: Situation) -> None:
        """Write the situation's other description into the file."""
        self._edited.add(situation.name)
        self._write()

    def _write(self) -> None:
        tables = (
            f'[{each.name}]\nurl = "{self._url}/{each.name}"\n'
            f"{each.edited if each.name in self._edited else each.description}\n"
            for each in SITUATIONS
        )
        other = self.file.with_suffix(".new")
        other.write_text("\n".join(tables), encoding="utf-8")
        other.replace(self.file)


def started(client: RunClient) -> dict[str, str]:
    """Start a run for each situation, under its name; return the refusals of runs that did not start."""
    refused = {}
    for situation in SITUATIONS:
        try:
            client.start(source=situation.name, run_id=situation.name, chunk_size=CHUNK_SIZE)
        except RunError as error:
            refused[situation.name] = str(error)
    return refused


def followed(stack: Stack, client: RunClient, descriptions: Descriptions, refused: Container[str]) -> dict[str, Status]:
    """Return the last status of each run that ended in time or is held; meanwhile edit descriptions that change."""
    left = {each.name: each for each in SITUATIONS if each.name not in refused}
    ended: dict[str, Status] = {}
    deadline = time.monotonic() + HUNG_SECONDS
    while left and time.monotonic() < deadline:
        stack.check()
        for name, situation in [*left.items()]:
            with suppress(RunError, httpx.TransportError):  # a failed request does not end the polling
                status = client.status(name)
                if situation.edited and status["status"] == "waiting":
                    descriptions.edit(situation)
                if status["status"] in (*ENDED, "held"):
                    ended[name] = status
                    del left[name]
        time.sleep(POLL_SECONDS)
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
    """Return the outcome of a run, and its cause."""
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
    """Return the error of a run, or else its warnings, or the change that holds it."""
    report: dict[str, Any] = status["report"] or {}
    texts = [each["message"] for each in report.get("warnings", [])]
    texts += [(status["progress"] or {}).get("changes", "")]
    error = report.get("error") or status["error"]
    return f"{status['status']}: {error or ' '.join(texts)}"


def table(rows: Sequence[Row]) -> str:
    """Return a Markdown line for each situation."""
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
