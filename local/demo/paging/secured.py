"""APIs that want to know who asks: each kind of credentials, and tokens that wear out."""

import base64
from collections import Counter

from aiohttp import web

from local.demo.paging.listing import Listing, by_token

USER, PASSWORD, KEY = "sluice", "open sesame", "k-123"
USES = 2  # of a token, after which it is refused although its life is longer


def routes(listing: Listing) -> list[web.RouteDef]:
    """The routes of this family."""
    used: Counter[str] = Counter()

    async def token(request: web.Request) -> web.Response:
        """OAuth 2 client credentials; id and secret in the form or as basic authentication."""
        form = await request.post()
        given = (form.get("client_id"), form.get("client_secret"))
        if form.get("grant_type") != "client_credentials" or (
            given != (USER, PASSWORD) and request.headers.get("Authorization") != basic()
        ):
            return web.json_response({"error": "invalid_client"}, status=401)
        name = f"token-{len(used)}"
        used[name] = 0
        return web.json_response({"access_token": name, "token_type": "Bearer", "expires_in": 3600})

    async def page(request: web.Request) -> web.Response:
        """A page for those who may have it."""
        sent = request.headers.get("Authorization", "")
        welcome = {
            "bearer": sent == f"Bearer {KEY}",
            "header": request.headers.get("X-Api-Key") == KEY,
            "query": request.query.get("api_key") == KEY,
            "basic": sent == basic(),
            "oauth": False,  # unless the token is one of those below
        }[request.match_info["kind"]]
        if (name := sent.removeprefix("Bearer ")) in used:
            used[name] += 1
            welcome = used[name] <= USES
        if not welcome:
            return web.json_response({"error": f"who are you? not {sent}"}, status=401)
        return by_token(listing, request.query.get("cursor")).plain()

    return [web.post("/token", token), web.get("/secured/{kind:bearer|header|query|basic|oauth}", page)]


def basic() -> str:
    return "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
