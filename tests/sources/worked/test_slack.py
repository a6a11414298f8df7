"""Slack: a cursor in the body that is empty at the end, 429 with a wait, everything else wrong under HTTP 200."""

import base64
from typing import Any

import pytest
from aiohttp import web

from ingestion.errors import SourceUnreachable
from tests.sources.fake_api import FakeApi, said
from tests.sources.worked.page import read

TOTAL = 730
TOKEN = {"SLACK_TOKEN": "xoxb-1"}
IDS = [f"U{n:06}" for n in range(TOTAL)]


class Slack(FakeApi):
    """Users. Requests in `errors` are answered with an error of that name, or with a 429."""

    def __init__(self, errors: dict[int, str] | None = None) -> None:
        super().__init__(**{"api/users.list": self.users})
        self.errors, self.requests = errors or {}, 0

    def users(self, request: web.Request) -> Any:
        self.requests += 1
        error = self.errors.get(self.requests)
        if request.headers.get("Authorization") != "Bearer xoxb-1":
            error = "invalid_auth"
        if error:
            answer = {"ok": False, "error": error}
            return said(429, answer, Retry_After="30") if error == "ratelimited" else answer
        cursor = request.query.get("cursor", "")
        start = int(base64.b64decode(cursor).decode().removeprefix("user:")) if cursor else 0
        stop = start + min(int(request.query["limit"]), 1000)
        following = base64.b64encode(f"user:{stop}".encode()).decode() if stop < TOTAL else ""
        members = [{"id": name} for name in IDS[start:stop]]
        return {"ok": True, "members": members, "cache_ts": 1, "response_metadata": {"next_cursor": following}}


def test_every_user_comes_once() -> None:
    assert read("slack", Slack(), TOKEN)[0] == IDS


def test_a_429_is_waited_out() -> None:
    messages, waits = read("slack", Slack({3: "ratelimited"}), TOKEN)
    assert messages == IDS
    assert 30.0 in waits


def test_an_invalid_cursor_restarts_and_skips_what_the_run_has() -> None:
    assert read("slack", Slack({3: "invalid_cursor"}), TOKEN)[0] == IDS


def test_an_error_under_a_success_is_a_failed_attempt_and_the_last_one_is_quoted() -> None:
    assert read("slack", Slack({2: "internal_error", 3: "internal_error"}), TOKEN)[0] == IDS
    with pytest.raises(SourceUnreachable, match=r'At last: the answer has error = "invalid_auth"'):
        read("slack", Slack(), {"SLACK_TOKEN": "xoxb-2"})
