"""Microsoft Graph: OAuth 2, an absolute next link under a dotted key, empty pages, 429 with a wait, expired tokens."""

from aiohttp import web

from tests.sources.worked.page import read

TOTAL = 2500
SETTINGS = {"GRAPH_TENANT": "contoso", "GRAPH_CLIENT_ID": "app-1", "GRAPH_CLIENT_SECRET": "s-1"}
IDS = [f"user-{n:05}" for n in range(TOTAL)]


class Graph:
    """Users. Request `throttled` is answered with 429, request `expired` says that its page token is too old."""

    def __init__(self, throttled: int | None = None, expired: int | None = None) -> None:
        self.throttled, self.expired, self.asked = throttled, expired, 0

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/contoso/oauth2/v2.0/token", self.token)
        app.router.add_get("/v1.0/users", self.users)
        return app

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert form == {
            "grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default",
            "client_id": "app-1", "client_secret": "s-1",
        }  # fmt: skip
        return web.json_response({"token_type": "Bearer", "expires_in": 3599, "access_token": "eyJ0"})

    async def users(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer eyJ0"
        assert (request.query["$select"], request.query["$top"]) == ("id", "999")
        self.asked += 1
        if self.asked == self.throttled:
            said = {"error": {"code": "TooManyRequests"}}
            return web.json_response(said, status=429, headers={"Retry-After": "10"})
        if self.asked == self.expired:
            return web.json_response({"error": {"code": "Directory_ExpiredPageToken"}}, status=400)
        token = request.query.get("$skiptoken", "0")
        start = int(token.removesuffix("-empty"))
        if token.endswith("-empty"):  # a page whose users the caller may not see
            return self.page(request, [], str(start))
        following = f"{start + 999}-empty" if start + 999 < TOTAL else None
        return self.page(request, IDS[start : start + 999], following)

    def page(self, request: web.Request, ids: list[str], following: str | None) -> web.Response:
        answer = {"@odata.context": "...", "value": [{"id": name} for name in ids]}
        if following:
            answer["@odata.nextLink"] = str(request.url.update_query({"$skiptoken": following}))
        return web.json_response(answer)


def test_every_user_comes_once_over_empty_pages_too() -> None:
    assert read("graph", Graph().app(), SETTINGS) == (IDS, [])


def test_the_wait_that_a_429_names_is_kept() -> None:
    assert read("graph", Graph(throttled=3).app(), SETTINGS) == (IDS, [10.0])


def test_an_expired_page_token_restarts_and_skips_what_the_run_has() -> None:
    assert read("graph", Graph(expired=3).app(), SETTINGS)[0] == IDS
