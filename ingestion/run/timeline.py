"""The life of a run, for people: `timeline.ndjson` in its ledger, one line for each window, batch and event.

It is an append blob. Only the beginning of an attempt creates it, so a late activity of a deleted run creates none. A
lost append leaves a gap and does no other harm. Storage takes 50,000 appends; after that the blob stays as it is, and
the HTTP answer says that the timeline is full.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, ContainerClient

from ingestion import clock
from ingestion.concealed import conceal
from ingestion.contracts import Run
from ingestion.errors import cut
from ingestion.latest import Latest
from ingestion.moment import moment
from ingestion.wire import JsonObject

MOST_APPENDS = 50_000  # of an append blob
MOST_POINTS, MOST_EVENTS = 400, 100  # in an answer
KEPT_POINTS, KEPT_RUNS = 2_000, 500
TEXT_CHARACTERS = 300
WINDOW, BATCH = "window", "batch"  # lines that are not events
COUNTS = ("fetched", "enqueued", "rejected", "failed")


class Point(NamedTuple):
    """The counts of a run, `seconds` after its start."""

    at: str
    seconds: float
    fetched: int
    enqueued: int
    rejected: int
    failed: int


@dataclass
class Timeline:
    """The contents of a timeline: a sample of the points, the newest events, and what the batches say of the source."""

    points: list[Point] = field(default_factory=list)
    events: deque[JsonObject] = field(default_factory=lambda: deque(maxlen=MOST_EVENTS))
    refused: int = 0  # requests that the source refused
    page_size: int | None = None  # of the last batch with a page
    ended: str | None = None
    is_full: bool = False
    next_byte: int = 0


def event(name: str, text: str) -> JsonObject:
    """Return the line for an event that happens now."""
    return {"at": clock.now().isoformat(), "event": name, "text": cut(conceal(text), TEXT_CHARACTERS)}


def window(counts: JsonObject, at: str) -> JsonObject:
    """Return the line for the counts of a run as of the time `at`."""
    return {"at": at, "event": WINDOW, **{name: counts[name] for name in COUNTS}}


async def begin(container: ContainerClient, run: Run, line: JsonObject) -> None:
    """Append the first line of an attempt; create the blob unless an earlier attempt did."""
    with suppress(AzureError):
        await _blob(container, run).create_append_blob(match_condition=MatchConditions.IfMissing)
    await append(container, run, line)


async def append(container: ContainerClient, run: Run, *lines: JsonObject) -> None:
    """Append lines with one request. Drop them if storage does not take them."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    if text:
        with suppress(AzureError):
            await _blob(container, run).append_block(text.encode())


class Timelines:
    """The timelines that this process has read. It reads only the new lines each time."""

    def __init__(self, most: int = KEPT_RUNS) -> None:
        self._kept = Latest[Run, Timeline](most)

    async def read(self, container: ContainerClient, run: Run, started_at: str) -> Timeline:
        """Return the timeline of a run, with one request; empty if there is no blob. Errors of storage pass through."""
        known = self._kept.keep(run, self._kept.get(run, Timeline()))
        first_byte = known.next_byte
        try:
            download = await _blob(container, run).download_blob(offset=first_byte)
            data = bytes(await download.readall())
        except ResourceNotFoundError:
            return known
        except HttpResponseError as error:
            if error.status_code != 416:  # nothing is new
                raise
            return known
        if known.next_byte == first_byte:  # else another call has added the same lines
            known.next_byte += len(data)
            known.is_full = (download.properties.append_blob_committed_block_count or 0) >= MOST_APPENDS
            take(known, _lines(data), moment(started_at))
        return known


def _lines(data: bytes) -> Iterator[JsonObject]:
    """Yield the lines; skip one that cannot be read, so that it does not hide the lines after it."""
    for line in data.splitlines():
        with suppress(ValueError):
            yield json.loads(line)


def take(timeline: Timeline, lines: Iterable[JsonObject], began: datetime) -> None:
    """Add lines to the timeline of a run that began at the time `began`."""
    for line in lines:
        if line["event"] == WINDOW:
            seconds = round((moment(line["at"]) - began).total_seconds(), 3)
            timeline.points.append(Point(line["at"], seconds, *(line[name] for name in COUNTS)))
        elif line["event"] == BATCH:
            timeline.refused += line["refused"]
            timeline.page_size = line["page_size"] or timeline.page_size
        else:
            timeline.events.append(line)
        if line["event"] == "source_ended":
            timeline.ended = line["text"]
    if len(timeline.points) > KEPT_POINTS:
        timeline.points = thinned(timeline.points, KEPT_POINTS // 2)


def thinned(points: list[Point], most: int = MOST_POINTS) -> list[Point]:
    """Return at most `most` points, spread evenly over time: the first, the last, and the last of each interval."""
    if len(points) <= most:
        return points
    first, last = points[0], points[-1]
    length = max(last.seconds - first.seconds, 0.001) / (most - 2)
    by_interval = {
        max(0, min(int((one.seconds - first.seconds) / length), most - 3)): one for one in points[1:-1]
    }  # `max`: the clock that gave the first point its time may be ahead of the clocks of later points
    return [first, *(by_interval[number] for number in sorted(by_interval)), last]


def as_json(timeline: Timeline) -> JsonObject:
    """Return a timeline as the HTTP API shows it."""
    points: list[dict[str, Any]] = [one._asdict() for one in thinned(timeline.points)]
    events = [{name: line[name] for name in ("at", "event", "text")} for line in sorted(timeline.events, key=_at)]
    return {"points": points, "events": events, "full": timeline.is_full}


def _at(line: JsonObject) -> datetime:
    return moment(line["at"])


def _blob(container: ContainerClient, run: Run) -> BlobClient:
    return container.get_blob_client(f"{run.folder}timeline.ndjson")
