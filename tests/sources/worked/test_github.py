"""GitHub: pages of up to 100 behind a Link header; the primary limit as 403 with a reset, the secondary with a wait."""

import time
from typing import Any

from aiohttp import web

from tests.sources.fake_api import FakeApi, said
from tests.sources.worked.page import read

TOTAL = 730
TOKEN = {"GITHUB_TOKEN": "ghp_1"}
NUMBERS = list(range(TOTAL, 0, -1))


class GitHub(FakeApi):
    """Issues of one repository. `left` requests are left in this hour; requests in `refused` hit a limit.

    Time does not pass in these tests: after an answer without requests left, the client counts as having waited.
    """

    def __init__(self, left: int = 5000, refused: dict[int, str] | None = None) -> None:
        super().__init__(**{"repos/octo-org/octo-repo/issues": self.issues})
        self.left, self.refused, self.requests = left, refused or {}, 0

    def issues(self, request: web.Request) -> Any:
        assert request.headers["Authorization"] == "Bearer ghp_1"
        assert request.headers["Accept"] == "application/vnd.github+json"
        assert request.headers.get("User-Agent"), "GitHub refuses requests without one"
        assert request.query["state"] == "all"
        self.requests += 1
        reset = str(int(time.time()) + 3000)
        if self.refused.get(self.requests) == "secondary":
            return said(403, {"message": "You have exceeded a secondary rate limit."}, Retry_After="60")
        if self.refused.get(self.requests) == "primary":
            limit = {"message": "API rate limit exceeded"}
            return said(403, limit, X_RateLimit_Reset=reset, X_RateLimit_Remaining="0")
        self.left = (self.left or 5000) - 1
        size, number = min(int(request.query.get("per_page", 30)), 100), int(request.query.get("page", 1))
        items = [{"id": 10**9 + one, "number": one} for one in NUMBERS[(number - 1) * size : number * size]]
        last = -(-TOTAL // size)
        pages = {"prev": number - 1, "first": 1} if number > 1 else {}
        pages |= {"next": number + 1, "last": last} if number < last else {}
        links = [f'<{request.url.update_query(page=to)}>; rel="{relation}"' for relation, to in pages.items()]
        return said(200, items, X_RateLimit_Reset=reset, X_RateLimit_Remaining=str(self.left), Link=", ".join(links))


def test_every_issue_comes_once_and_in_order() -> None:
    assert read("github", GitHub(), TOKEN) == (NUMBERS, [])


def test_the_last_request_of_the_hour_is_followed_by_a_wait_not_by_a_refusal() -> None:
    server = GitHub(left=3)
    messages, waits = read("github", server, TOKEN)
    assert messages == NUMBERS
    assert len(waits) == 1
    assert 2990 < waits[0] <= 3000
    assert server.requests == 8, "one request a page"


def test_both_limits_are_waited_out() -> None:
    messages, (primary, secondary) = read("github", GitHub(refused={2: "primary", 5: "secondary"}), TOKEN)
    assert messages == NUMBERS
    assert 2990 < primary <= 3000
    assert secondary == 60
