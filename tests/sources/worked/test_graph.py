"""Microsoft Graph: OAuth 2, an absolute next link under a dotted key, empty pages, 429 with a wait, expired tokens."""

from typing import Any

from aiohttp import web

from tests.sources.fake_api import FakeApi, said
from tests.sources.worked.page import read

TOTAL = 2500
SETTINGS = {"GRAPH_TENANT": "contoso", "GRAPH_CLIENT_ID": "app-1", "GRAPH_CLIENT_SECRET": "s-1"}
IDS = [f"user-{n:05}" for n in range(TOTAL)]


class Graph(FakeApi):
    """Users. Request `throttled` is answered with 429, request `expired` says that its page token is too old."""

    def __init__(self, throttled: int | None = None, expired: int | None = None) -> None:
        super().__init__(**{"contoso/oauth2/v2.0/token": self.token, "v1.0/users": self.users})
        self.throttled, self.expired, self.requests = throttled, expired, 0

    async def token(self, request: web.Request) -> Any:
        assert await request.post() == {
            "grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default",
            "client_id": "app-1", "client_secret": "s-1",
        }  # fmt: skip
        return {"token_type": "Bearer", "expires_in": 3599, "access_token": "eyJ0"}

    def users(self, request: web.Request) -> Any:
        assert request.headers["Authorization"] == "Bearer eyJ0"
        assert (request.query["$select"], request.query["$top"]) == ("id", "999")
        self.requests += 1
        if self.requests == self.throttled:
            return said(429, {"error": {"code": "TooManyRequests"}}, Retry_After="10")
        if self.requests == self.expired:
            return said(400, {"error": {"code": "Directory_ExpiredPageToken"}})
        token = request.query.get("$skiptoken", "0")
        start = int(token.removesuffix("-empty"))
        ids, following = IDS[start : start + 999], f"{start + 999}-empty" if start + 999 < TOTAL else None
        if token.endswith("-empty"):  # a page whose users the caller may not see
            ids, following = [], str(start)
        answer: dict[str, Any] = {"@odata.context": "...", "value": [{"id": name} for name in ids]}
        if following:
            answer["@odata.nextLink"] = str(request.url.update_query({"$skiptoken": following}))
        return answer


def test_every_user_comes_once_over_empty_pages_too() -> None:
    assert read("graph", Graph(), SETTINGS) == (IDS, [])


def test_the_wait_that_a_429_names_is_kept() -> None:
    assert read("graph", Graph(throttled=3), SETTINGS) == (IDS, [10.0])


def test_an_expired_page_token_restarts_and_skips_what_the_run_has() -> None:
    assert read("graph", Graph(expired=3), SETTINGS)[0] == IDS
