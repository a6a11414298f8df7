"""Elasticsearch: sort values of the last hit and a point in time that may get another id with each answer."""

import pytest
from aiohttp import web

from ingestion.errors import SourceRefused
from tests.sources.worked.page import read

TOTAL = 2500
SETTINGS = {"ELASTIC_KEY": "key==", "ELASTIC_PIT": "pit-0"}
IDS = [f"doc-{n}" for n in range(TOTAL)]


class Elasticsearch:
    """One index. The point in time is gone at request `gone`; request `busy` is rejected for lack of threads."""

    def __init__(self, gone: int | None = None, busy: int | None = None) -> None:
        self.gone, self.busy, self.asked = gone, busy, 0

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/_search", self.search)
        return app

    async def search(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert request.query["allow_partial_search_results"] == "false"
        assert request.headers["Authorization"] == "ApiKey key=="
        assert (body["size"], body["sort"], body["pit"]["keep_alive"]) == (1000, [{"_shard_doc": "asc"}], "10m")
        assert body["pit"]["id"] == f"pit-{self.asked}", "the id of the answer before"
        if self.asked + 1 == self.busy:
            self.busy = None
            return web.json_response({"error": {"type": "es_rejected_execution_exception"}}, status=429)
        self.asked += 1
        if self.asked == self.gone:
            said = {"root_cause": [{"type": "search_context_missing_exception"}]}
            return web.json_response({"error": said, "status": 404}, status=404)
        start = body["search_after"][0] + 1 if "search_after" in body else 0
        hits = [{"_id": name, "sort": [n]} for n, name in enumerate(IDS)][start : start + body["size"]]
        total = {"value": TOTAL, "relation": "eq"}
        return web.json_response({"pit_id": f"pit-{self.asked}", "hits": {"total": total, "hits": hits}})


def test_every_document_comes_once() -> None:
    assert read("elasticsearch", Elasticsearch().app(), SETTINGS) == (IDS, [])


def test_a_full_queue_is_backed_off_from() -> None:
    messages, waits = read("elasticsearch", Elasticsearch(busy=2).app(), SETTINGS)
    assert messages == IDS
    assert 0.4 < max(waits) <= 1


def test_a_context_that_is_gone_fails_with_how_to_go_on() -> None:
    with pytest.raises(SourceRefused, match=r"cursor has expired .* Start a new run"):
        read("elasticsearch", Elasticsearch(gone=3).app(), SETTINGS)
