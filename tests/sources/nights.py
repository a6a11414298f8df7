"""A source that changes from night to night, and its runs, each from the watermark on.

This module moves the watermark as the end of a run does, but without storage.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from ingestion.contracts import Mark
from ingestion.reads import Reads
from ingestion.run import scope
from ingestion.run.watermark import Watermark
from ingestion.source.description import Source
from ingestion.source.description.file import read_source
from tests.sources.fake_container import Blob, FakeContainer
from tests.sources.reader import RUN, UNUSED_TLS, Reading

START = datetime(2026, 1, 1, tzinfo=UTC)
HELD = "watermarks/orders/held/1"


def moment(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def text(seconds: float) -> str:
    return moment(seconds).isoformat().replace("+00:00", "Z")


def answered(document: Any, status: int = 200) -> httpx.Response:
    """An answer whose body has not been read."""
    body = json.dumps(document).encode()
    return httpx.Response(status, headers={"Content-Length": str(len(body))}, stream=httpx.ByteStream(body))


@dataclass
class Change:
    """A version of an item, and when the source begins to show it; in seconds since START."""

    id: int
    version: int
    at: float
    shown_at: float

    @property
    def item(self) -> dict[str, Any]:
        return {"id": self.id, "version": self.version, "at": text(self.at)}


@dataclass
class Shop:
    """Returns the changes in [since, until), `size` to a page, in an order; a client may call `answer`."""

    size: int = 3
    order: Callable[[Change], Any] = lambda change: change.at
    includes_until: bool = False
    changes: list[Change] = field(default_factory=list)
    now: float = 0.0
    asked: list[dict[str, str]] = field(default_factory=list)
    instead: Callable[[dict[str, str]], httpx.Response | None] = lambda query: None

    def add(self, *moments: float, late: float = 0.0) -> None:
        """Add new items at these times."""
        for at in moments:
            self.changes.append(Change(len(self.changes), 0, at, at + late))

    def shown(self, query: dict[str, str]) -> list[Change]:
        since, until = query.get("since", text(0)), query.get("until", "9999")
        found = [change for change in self.changes if change.shown_at <= self.now and text(change.at) >= since]
        found = [each for each in found if text(each.at) < until or (self.includes_until and text(each.at) == until)]
        return sorted(found, key=lambda change: (self.order(change), change.id))

    def answer(self, request: httpx.Request) -> httpx.Response:
        query = dict(request.url.params)
        self.asked.append(query)
        if (other := self.instead(query)) is not None:
            return other
        found, start = self.shown(query), int(query.get("cursor", "0"))
        stop = start + self.size
        more = str(stop) if stop < len(found) else None
        items = [change.item for change in found[start:stop]]
        return answered({"items": items, "next": more, "total": len(found)})


@dataclass
class Nights:
    """Runs over one source, one after the other."""

    shop: Shop
    incremental: dict[str, Any]
    table: dict[str, Any] = field(default_factory=dict)
    watermark: Watermark = field(default_factory=Watermark)
    blobs: dict[str, Blob] = field(default_factory=dict)  # of the watermark

    def source(self, reads: Reads | None = None, window: int = 0) -> Source:
        table = {
            "url": "https://shop.example/orders",
            "items": "items",
            "query": {"since": "{from}"},
            "pagination": {"style": "cursor", "read": "next", "send": "cursor", "end": {"one_page": True}},
            "incremental": {"start": text(0), **self.incremental},
            **self.table,
        }
        found, wrong = read_source(table, "sources.toml: orders", {}, reads, window)
        assert found is not None, wrong
        assert wrong == []
        return found

    async def run(
        self, at: float, *, since: str | None = None, until: str | None = None, moves: bool = True, **facts: Any
    ) -> Reading:
        """Run at a time; return what the run has read."""
        self.shop.now = max(self.shop.now, at)
        reads = scope.reads_of_run(self.source(), since, until, {}, self.watermark, moment(at))
        container = FakeContainer(
            blobs=dict(self.blobs), **({"step": step} if (step := facts.pop("step", None)) else {})
        )
        async with httpx.AsyncClient(transport=httpx.MockTransport(self.shop.answer), verify=UNUSED_TLS) as http:
            reading = Reading(
                self.source(reads),
                http,
                container,
                reads=reads,
                described=lambda window: self.source(reads, window),
                **facts,
            )
            self.reading = reading
            await reading.all()
        mark = reading.batches[-1].mark
        if moves and mark is not None and (mark.value is not None or mark.blob is not None):
            self._move(reading, mark)
        return reading

    def _move(self, reading: Reading, mark: Mark) -> None:
        blobs = reading.container.blobs
        value = mark.value if mark.blob is None else blobs[RUN.folder + mark.blob].data.decode()
        before = self.watermark.value
        value = value if mark.kind == "token" or before is None or value is None else max(value, before)
        self.blobs = {} if mark.held is None else {HELD: blobs[RUN.folder + mark.held]}
        held = None if mark.held is None else HELD
        self.watermark = Watermark(serial=self.watermark.serial + 1, value=value, kind=mark.kind, held=held)


def ids(reading: Reading) -> list[tuple[int, int]]:
    """Return the id and the version of each message."""
    return [(message["id"], message["version"]) for message in reading.taken]
