"""Make the demo API behave like a real one: latency, failures, a limit on requests.

Input: a request. Output: the handler's answer after a delay, or an error. One seeded generator makes all random
choices, so with the same settings the failures come in the same order.
"""

import asyncio
import random

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from local.demo.bucket import Bucket
from local.demo.settings import ApiSettings

# A real server may or may not send Retry-After with an error; a client has to handle both.
FAILURES: list[tuple[int, dict[str, str]]] = [(500, {}), (503, {}), (503, {"Retry-After": "1"})]


def misbehaviour(settings: ApiSettings) -> Middleware:
    """Return the middleware for every page; it does not touch the catalogue, which the check reads."""
    chance = random.Random(settings.seed)
    bucket = Bucket(settings.throttle, burst_seconds=1.0) if settings.throttle else None

    @web.middleware
    async def misbehave(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/catalogue":
            return await handler(request)
        await asyncio.sleep(settings.latency_ms / 1000)
        if bucket and (seconds := bucket.wait_seconds()):
            said = {"error": f"more than {settings.throttle:g} requests per second"}
            wait = str(max(1, round(seconds + 0.5)))
            return web.json_response(said, status=429, headers={"Retry-After": wait})
        if chance.random() < settings.failure_rate:
            status, headers = chance.choice(FAILURES)
            return web.json_response({"error": "the demo API fails on purpose"}, status=status, headers=headers)
        return await handler(request)

    return misbehave
