"""Stripe: lists newest first, `starting_after` the last id, `has_more`; 429 without a word on when to come back."""

import base64

from aiohttp import web

from tests.sources.worked.page import read

TOTAL = 430
KEY = {"STRIPE_KEY": "sk_test_1"}


class Stripe:
    """Customers. Requests in `refused` are answered with 429; a customer is created after each page."""

    def __init__(self, refused: frozenset[int] = frozenset()) -> None:
        self.customers = [f"cus_{n:04}" for n in range(TOTAL, 0, -1)]
        self.refused, self.asked = refused, 0

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/v1/customers", self.list)
        return app

    async def list(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Basic " + base64.b64encode(b"sk_test_1:").decode():
            return web.json_response({"error": {"type": "invalid_request_error"}}, status=401)
        self.asked += 1
        if self.asked in self.refused:
            said = {"error": {"type": "invalid_request_error", "code": "rate_limit"}}
            return web.json_response(said, status=429)
        limit, after = int(request.query.get("limit", 10)), request.query.get("starting_after")
        assert 1 <= limit <= 100
        if after is not None and after not in self.customers:
            return web.json_response({"error": {"code": "resource_missing"}}, status=400)
        start = 0 if after is None else self.customers.index(after) + 1
        page = self.customers[start : start + limit]
        more = start + limit < len(self.customers)
        self.customers.insert(0, f"cus_new_{self.asked}")
        data = [{"id": name, "object": "customer"} for name in page]
        return web.json_response({"object": "list", "url": "/v1/customers", "has_more": more, "data": data})


def test_every_customer_comes_once_while_others_are_created() -> None:
    assert read("stripe", Stripe().app(), KEY)[0] == [f"cus_{n:04}" for n in range(TOTAL, 0, -1)]


def test_a_refusal_without_a_wait_is_backed_off_from_ever_longer() -> None:
    messages, waits = read("stripe", Stripe(refused=frozenset({2, 3, 4})).app(), KEY)
    assert len(messages) == TOTAL
    waits = [wait for wait in waits if wait > 0.4]  # the others keep the declared rate
    assert waits[0] <= 1 < 2 <= max(waits) < 4.5  # 4, and the turns of the requests after it, since nobody sleeps here
