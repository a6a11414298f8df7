"""What goes out with a request: each header once, and nothing that no server could read."""

import asyncio

import pytest
from aiohttp import web

from ingestion.errors import SourceRefused
from tests.sources.one_page import ask


async def nobody(request: web.Request) -> web.Response:
    raise AssertionError("this must not be asked")


@pytest.mark.parametrize(("name", "sent"), [("accept", "text/csv"), ("ACCEPT-ENCODING", "gzip, deflate")])
def test_a_header_of_the_source_goes_once_in_whatever_case_it_was_written(name: str, sent: str) -> None:
    async def page(request: web.Request) -> web.Response:
        return web.json_response({"items": request.headers.getall(name)})

    assert asyncio.run(ask(page, headers={name: "text/csv"})).items == [sent]


@pytest.mark.parametrize("value", ["caf\u00e9", "two\nlines", "behind "])
def test_a_header_that_cannot_be_sent_is_named_and_not_shown(value: str) -> None:
    with pytest.raises(SourceRefused, match=r"the header X-Tenant .* headers in the sources file") as refused:
        asyncio.run(ask(nobody, headers={"X-Tenant": value}))
    assert value.strip() not in str(refused.value)
