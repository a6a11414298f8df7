"""GitHub: pages of up to 100 behind a Link header; the primary limit as 403 with a reset, the secondary with a wait."""

import time

import pytest
from aiohttp import web

from ingestion.errors import SourceRefused
from tests.sources.worked.page import read

TOTAL = 730
TOKEN = {"GITHUB_TOKEN": "ghp_1"}


class GitHub:
    """Issues of one repository. `left` requests are left in this hour; requests in `refused` hit a limit.

    Time does not pass in these tests: whoever was told that nothing is left is taken to have waited.
    """

    def __init__(self, left: int = 5000, refused: dict[int, str] | None = None) -> None:
        self.left, self.refused, self.asked = left, refused or {}, 0

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/repos/octo-org/octo-repo/issues", self.issues)
        return app

    async def issues(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer ghp_1":
            return web.json_response({"message": "Bad credentials"}, status=401)
        assert request.headers["Accept"] == "application/vnd.github+json"
        assert request.headers.get("User-Agent"), "GitHub refuses requests without one"
        assert request.query["state"] == "all"
        self.asked += 1
        reset = {"X-RateLimit-Reset": str(int(time.time()) + 3000)}
        if self.refused.get(self.asked) == "secondary":
            said = {"message": "You have exceeded a secondary rate limit."}
            return web.json_response(said, status=403, headers={"Retry-After": "60"})
        if self.refused.get(self.asked) == "primary":
            said = {"message": "API rate limit exceeded"}
            return web.json_response(said, status=403, headers={**reset, "X-RateLimit-Remaining": "0"})
        self.left = (self.left or 5000) - 1
        return self.page(request, {**reset, "X-RateLimit-Remaining": str(self.left)})

    def page(self, request: web.Request, headers: dict[str, str]) -> web.Response:
        size, number = min(int(request.query.get("per_page", 30)), 100), int(request.query.get("page", 1))
        start, last = (number - 1) * size, -(-TOTAL // size)
        items = [{"id": 10**9 + n, "number": TOTAL - n} for n in range(start, min(start + size, TOTAL))]

        def link(relation: str, to: int) -> str:
            return f'<{request.url.update_query(page=to)}>; rel="{relation}"'

        links = [link("prev", number - 1), link("first", 1)] if number > 1 else []
        links += [link("next", number + 1), link("last", last)] if number < last else []
        return web.json_response(items, headers={**headers, "Link": ", ".join(links)})


def test_every_issue_comes_once_and_in_order() -> None:
    messages, waits = read("github", GitHub().app(), TOKEN)
    assert messages == list(range(TOTAL, 0, -1))
    assert waits == []


def test_the_last_request_of_the_hour_is_followed_by_a_wait_not_by_a_refusal() -> None:
    server = GitHub(left=3)
    messages, waits = read("github", server.app(), TOKEN)
    assert messages == list(range(TOTAL, 0, -1))
    assert len(waits) == 1
    assert 2990 < waits[0] <= 3000
    assert server.asked == 8, "one request a page"


def test_both_limits_are_waited_out() -> None:
    messages, waits = read("github", GitHub(refused={2: "primary", 5: "secondary"}).app(), TOKEN)
    assert messages == list(range(TOTAL, 0, -1))
    assert len(waits) == 2
    assert 2990 < waits[0] <= 3000
    assert waits[1] == 60


def test_bad_credentials_say_where_to_look() -> None:
    with pytest.raises(SourceRefused, match=r"Bad credentials.*Check auth"):
        read("github", GitHub().app(), {"GITHUB_TOKEN": "other"})
