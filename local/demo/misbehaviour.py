"""What makes the demo API behave like a real one: latency, failures, a limit on requests.

Each kind is an aiohttp middleware, made from its settings and wrapped around the handlers that may misbehave. Enters:
a request. Leaves: the handler's answer, later, or an error in its place. Random choices come from one seeded
generator, so the same settings misbehave in the same order.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

Tell = Callable[[str], None]  # called with the kind of misbehaviour, for GET /stats

# A server that fails may or may not say when to come back; a client has to cope with both.
FAILURES: list[tuple[int, dict[str, str]]] = [(500, {}), (503, {}), (503, {"Retry-After": "1"})]


def latency(milliseconds: float) -> Middleware:
    """Every answer takes that much longer."""

    async def wait(request: web.Request, handler: Handler) -> web.StreamResponse:
        await asyncio.sleep(milliseconds / 1000)
        return await handler(request)

    return web.middleware(wait)


def failures(rate: float, *, seed: int, tell: Tell) -> Middleware:
    """That share of the requests is answered with 500 or 503, with or without Retry-After."""
    chance = random.Random(seed)

    async def fail(request: web.Request, handler: Handler) -> web.StreamResponse:
        if chance.random() >= rate:
            return await handler(request)
        tell("failed")
        status, headers = chance.choice(FAILURES)
        return web.json_response({"error": "the demo API fails on purpose"}, status=status, headers=headers)

    return web.middleware(fail)


def throttle(per_second: float, *, tell: Tell, now: Callable[[], float] = time.monotonic) -> Middleware:
    """No more requests than that; others get 429 and Retry-After (a bucket that holds one second's worth)."""
    capacity = max(per_second, 1.0)
    level, filled_at = capacity, now()

    async def limit(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal level, filled_at
        moment = now()
        level = min(capacity, level + (moment - filled_at) * per_second)
        filled_at = moment
        if level >= 1:
            level -= 1
            return await handler(request)
        tell("throttled")
        wait_seconds = max(1, round((1 - level) / per_second + 0.5))
        return web.json_response(
            {"error": f"more than {per_second:g} requests per second"},
            status=429,
            headers={"Retry-After": str(wait_seconds)},
        )

    return web.middleware(limit)


def wrapped(handler: Handler, middlewares: list[Middleware]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The handler inside the middlewares, the first one outermost: misbehaviour of one route, not of all."""
    for middleware in reversed(middlewares):
        handler = _around(middleware, handler)
    return handler


def _around(middleware: Middleware, handler: Handler) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return await middleware(request, handler)

    return answer
