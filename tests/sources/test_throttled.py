"""A source that asks to be left alone is, however it says so, and no longer than that."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from ingestion.errors import SourceRefused
from ingestion.source.page import Throttled
from tests.sources.one_page import ask


@pytest.mark.parametrize(
    ("status", "path", "value", "body"),
    [
        (403, "errorCode", "REQUEST_LIMIT_EXCEEDED", [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "daily"}]),
        (403, "error.errors.reason", "rateLimitExceeded", {"error": {"errors": [{"reason": "rateLimitExceeded"}]}}),
        (400, "error.code", 17, {"error": {"code": 17, "message": "User request limit reached"}}),
        (500, "code", "SLOW", {"code": "SLOW"}),
    ],
)
def test_a_refusal_in_the_body_of_an_error_is_waited_out(status: int, path: str, value: Any, body: Any) -> None:
    answers = iter([web.json_response(body, status=status), web.json_response({"items": [1]})])

    async def page(request: web.Request) -> web.Response:
        return next(answers)

    throttle = {"body": {"path": path, "values": [value]}, "penalty_seconds": 30}
    outcome = asyncio.run(ask(page, throttle=throttle, attempts=1))
    assert outcome == Throttled(30)


def test_an_error_whose_body_says_something_else_is_no_throttling() -> None:
    async def page(request: web.Request) -> web.Response:
        return web.json_response([{"errorCode": "INVALID_FIELD"}], status=400)

    with pytest.raises(SourceRefused, match=r"HTTP 400.*INVALID_FIELD"):
        asyncio.run(ask(page, throttle={"body": {"path": "errorCode", "values": ["REQUEST_LIMIT_EXCEEDED"]}}))
