"""Stripe: lists newest first, `starting_after` the last id, `has_more`; 429 without Retry-After."""

import base64
from typing import Any

from aiohttp import web

from tests.sources.fake_api import FakeApi, said
from tests.sources.worked.page import read

TOTAL = 430
KEY = {"STRIPE_KEY": "sk_test_1"}
IDS = [f"cus_{n:04}" for n in range(TOTAL, 0, -1)]


class Stripe(FakeApi):
    """Customers. Requests in `refused` are answered with 429; a customer is created after each page."""

    def __init__(self, refused: frozenset[int] = frozenset()) -> None:
        super().__init__(**{"v1/customers": self.list})
        self.customers, self.refused, self.requests = IDS.copy(), refused, 0

    def list(self, request: web.Request) -> Any:
        assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"sk_test_1:").decode()
        self.requests += 1
        if self.requests in self.refused:
            return said(429, {"error": {"type": "invalid_request_error", "code": "rate_limit"}})
        limit, after = int(request.query.get("limit", 10)), request.query.get("starting_after")
        assert 1 <= limit <= 100
        start = 0 if after is None else self.customers.index(after) + 1
        page = self.customers[start : start + limit]
        more = start + limit < len(self.customers)
        self.customers.insert(0, f"cus_new_{self.requests}")
        data = [{"id": name, "object": "customer"} for name in page]
        return {"object": "list", "url": "/v1/customers", "has_more": more, "data": data}


def test_every_customer_comes_once_while_others_are_created() -> None:
    assert read("stripe", Stripe(), KEY)[0] == IDS


def test_a_refusal_without_a_wait_is_backed_off_from_ever_longer() -> None:
    messages, waits = read("stripe", Stripe(refused=frozenset({2, 3, 4})), KEY)
    assert len(messages) == TOTAL
    waits = [wait for wait in waits if wait > 0.4]  # the others keep the declared rate
    assert waits[0] <= 1 < 2 <= max(waits) < 4.5  # 4, and the turns of the requests after it, since nobody sleeps here
