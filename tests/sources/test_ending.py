"""How a source ends: what told so is known afterwards, and nothing that says there is more is passed over."""

import asyncio
from typing import Any

from aiohttp import web

from ingestion.contracts import Batch
from tests.sources.reader import reading


def read(pages: list[Any], description: dict[str, Any]) -> tuple[list[Any], Batch]:
    """All messages of a source whose first page is `pages[0]` and so on, and its last batch; each page a document."""
    answers = iter(pages)

    async def page(request: web.Request) -> web.Response:
        return web.json_response(next(answers))

    async def run() -> tuple[list[Any], Batch]:
        app = web.Application()
        app.router.add_route("*", "/orders", page)
        async with reading(app, "/orders", description) as source:
            return await source.all(), source.batches[-1]

    return asyncio.run(run())


def items(*ids: int, **beside: Any) -> dict[str, Any]:
    return {"items": [{"id": number} for number in ids], **beside}


def test_the_last_batch_says_what_told_that_the_source_has_no_more() -> None:
    pages = [items(1, nextt="/orders?page=2")]
    messages, last = read(pages, {"pagination": {"style": "next_url", "read": "next"}})
    assert (messages, last.ended) == ([1], "no address at next")
    messages, last = read([items(n) for n in range(25)] + [items()], {"pagination": {"style": "page_number"}})
    assert (len(messages), last.index, last.ended) == (25, 1, "a page without items")
