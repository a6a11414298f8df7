"""Elasticsearch: sort values of the last hit and a point in time that may get another id with each answer."""

from typing import Any

import pytest
from aiohttp import web

from ingestion.errors import SourceRefused
from tests.sources.fake_api import FakeApi, said
from tests.sources.worked.page import read

TOTAL = 2500
SETTINGS = {"ELASTIC_KEY": "key==", "ELASTIC_PIT": "pit-0"}
IDS = [f"doc-{n}" for n in range(TOTAL)]


class Elasticsearch(FakeApi):
    """One index. At request `gone` the point in time has expired; request `busy` is rejected for lack of threads."""

    def __init__(self, gone: int | None = None, busy: int | None = None) -> None:
        super().__init__(_search=self.search)
        self.gone, self.busy, self.given = gone, busy, 0

    async def search(self, request: web.Request) -> Any:
        body = await request.json()
        assert request.query["allow_partial_search_results"] == "false"
        assert request.headers["Authorization"] == "ApiKey key=="
        assert (body["size"], body["sort"], body["pit"]["keep_alive"]) == (1000, [{"_shard_doc": "asc"}], "10m")
        assert body["pit"]["id"] == f"pit-{self.given}", "the id of the answer before"
        if self.given + 1 == self.busy:
            self.busy = None
            return said(429, {"error": {"type": "es_rejected_execution_exception"}})
        self.given += 1
        if self.given == self.gone:
            return said(404, {"error": {"root_cause": [{"type": "search_context_missing_exception"}]}, "status": 404})
        start = body["search_after"][0] + 1 if "search_after" in body else 0
        hits = [{"_id": name, "sort": [n]} for n, name in enumerate(IDS)][start : start + body["size"]]
        total = {"value": TOTAL, "relation": "eq"}
        return {"pit_id": f"pit-{self.given}", "hits": {"total": total, "hits": hits}}


def test_every_document_comes_once() -> None:
    assert read("elasticsearch", Elasticsearch(), SETTINGS) == (IDS, [])


def test_a_full_queue_is_backed_off_from() -> None:
    messages, waits = read("elasticsearch", Elasticsearch(busy=2), SETTINGS)
    assert messages == IDS
    assert 0.4 < max(waits) <= 1


def test_a_context_that_is_gone_fails_with_how_to_go_on() -> None:
    with pytest.raises(SourceRefused, match=r"cursor has expired .* Start a new run"):
        read("elasticsearch", Elasticsearch(gone=3), SETTINGS)
