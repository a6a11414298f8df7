"""What opens a source stays with that source: no other account, no error, no log and no ledger gets to see it."""

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from ingestion.source.client import SourceClient
from ingestion.source.description import Source
from ingestion.source.exchange import http_client

CURSOR = {"style": "cursor", "read": "next", "send": "cursor"}


def app_of(page: Any) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/", page)
    return app


def test_a_cookie_of_one_account_is_not_sent_with_the_token_of_another() -> None:
    sent: list[str | None] = []

    async def page(request: web.Request) -> web.Response:
        sent.append(request.headers.get("Cookie"))
        answer = web.json_response({"items": [1]})
        answer.set_cookie("session", request.headers["Authorization"])
        return answer

    async def run() -> None:
        async with TestServer(app_of(page)) as server, http_client(trust_env=False) as http:
            for token in ("first", "second"):
                auth = {"kind": "bearer", "token": "TOKEN"}
                table = {"url": str(server.make_url("/")), "items": "items", "auth": auth, "pagination": CURSOR}
                source = Source.model_validate(table)
                await SourceClient(source, http, environment={"TOKEN": token}).get(source.base_request())

    asyncio.run(run())
    assert sent == [None, None]
