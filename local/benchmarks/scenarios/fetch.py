"""Memory and CPU of a fetch from one gigantic response, and what parallel fetches gain where each page takes 100 ms.

`fetch_small` and `fetch_large` run `ingestion.fetching.fetch.fetch` as the activity does, over HTTP and with the
official blob client, against a server that streams the response and drops the blobs; the small response has a hundredth
of the ids. `parse` and `json_loads` read the bytes of the large response from memory: `parse` in pieces, `json_loads`
at once. `one_by_one` and `parallel` fetch many small pages.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import FetchRequest, Run
from ingestion.fetching.fetch import fetch
from ingestion.source.client import SourceClient
from ingestion.source.description import Source
from ingestion.source.reading.body import PIECE_BYTES
from ingestion.source.reading.parse_json import JsonParser
from ingestion.storage.spool import Spool
from local.benchmarks.contestant import Meter, apart
from local.benchmarks.findings import Figures
from local.benchmarks.source_server import source_server
from local.demo.usage import megabytes_of

SIZE = 5_000_000  # ids of the large response
REPEATS = 5
COLUMNS = ("peak_mb", "ids_per_cpu_second")
RATIOS = {
    "memory_ratio": ("peak_mb", "fetch_large", "fetch_small"),
    "parse_of_json_loads": ("ids_per_cpu_second", "parse", "json_loads"),
    "parallel_speedup": ("seconds", "one_by_one", "parallel"),
}
SMALLER = 100  # the large response has so many times the ids of the small response
RUN = Run("r", "20260101T000000-aa")
CHUNK, CHUNKS, CHUNK_BYTES = 5_000, 20, 8 * 1024 * 1024  # the app's defaults
PAGES, PAGE_SIZE = 161, 100  # `parallel` fetches the first page alone, then 20 times eight pages
PARALLEL = 8


def measure(size: int, repeat: int, folder: Path) -> Iterator[tuple[str, Figures]]:
    with source_server(folder) as server:
        paged = PAGES * PAGE_SIZE
        for name, contestant, count, parallel in (
            ("fetch_small", fetch_all, max(1, size // SMALLER), {}),
            ("fetch_large", fetch_all, size, {}),
            ("parse", parse, size, {}),
            ("json_loads", json_loads, size, {}),
            ("one_by_one", fetch_pages, paged, {"parallel": 1}),
            ("parallel", fetch_pages, paged, {"parallel": PARALLEL}),
        ):
            meter = apart(contestant, url=server.url, count=count, **parallel)
            speed = {"seconds": meter.seconds, "ids_per_cpu_second": count / meter.cpu_seconds}
            yield name, {"ids": count, "peak_mb": meter.notes["peak_mb"], **speed}


async def fetch_all(meter: Meter, url: str, count: int) -> None:
    """Fetch one response into the spool."""
    query = {"ids": count}
    await _fetched(meter, {"url": f"{url}/all", "query": query, "pagination": {"style": "none"}}, url, count)


async def fetch_pages(meter: Meter, url: str, count: int, parallel: int) -> None:
    """Fetch numbered pages, each after the latency."""
    style = {"style": "page_number", "send": "page", "end": {"total": True}}
    query = {"ids": count, "size": PAGE_SIZE}
    table = {"url": f"{url}/pages", "query": query, "pagination": style, "total": "total", "parallel_fetches": parallel}
    await _fetched(meter, table, url, count)


async def _fetched(meter: Meter, table: dict[str, Any], url: str, count: int) -> None:
    source = Source.model_validate({"items": "items", **table})
    request = FetchRequest(
        run=RUN, source="s", batch_index=0, first_chunk=0, chunk_size=CHUNK, max_messages=CHUNK * CHUNKS
    )
    anonymous = {"account_name": "a", "account_key": "a2V5"}
    container = ContainerClient(f"{url}/account", "sluice", credential=anonymous, retry_total=0)
    async with container, httpx.AsyncClient() as http:
        client = SourceClient(source, http)
        with meter:
            spool = Spool(container, RUN)
            await fetch(request, source, client, spool, budget_seconds=600, chunk_bytes=CHUNK_BYTES)
        stored = (await http.get(f"{url}/stored")).json()
        assert stored == count, f"{stored} of {count} ids arrived"
    _note(meter)


def parse(meter: Meter, url: str, count: int) -> None:
    """Run the streaming parser alone."""
    body, parser = _body(url, count), JsonParser(("items",))
    with meter:
        ids = 0
        for start in range(0, len(body), PIECE_BYTES):
            ids += len(parser.feed(body[start : start + PIECE_BYTES]))
        ids += len(parser.close())
    assert ids == count
    _note(meter)


def json_loads(meter: Meter, url: str, count: int) -> None:
    """Parse the same bytes at once with the standard library."""
    body = _body(url, count)
    with meter:
        ids = len(json.loads(body)["items"])
    assert ids == count
    _note(meter)


def _body(url: str, count: int) -> bytes:
    return httpx.get(f"{url}/all", params={"ids": count}, timeout=60).content


def _note(meter: Meter) -> None:
    _, meter.notes["peak_mb"] = megabytes_of(os.getpid()) or (0, 0)
