"""What goes wrong between two machines: bodies that are cut, compressed, endless or slow, refusals, redirects.

Each answer counts its requests, since most of these faults are over when a client tries again.
"""

import asyncio
import gzip
import json
import time
from collections import Counter
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

from aiohttp import web

from local.demo.paging.listing import Listing, by_token

STEP = 1_000  # items that are written at once


def routes(listing: Listing) -> list[web.RouteDef]:
    """The routes of this family."""
    asked: Counter[str] = Counter()

    def page(request: web.Request) -> web.Response:
        return by_token(listing, request.query.get("cursor")).plain()

    async def cut(request: web.Request) -> web.StreamResponse:
        """Every second answer stops in mid-body, in one of the ways in which a body says how long it is."""
        how = request.match_info["how"]
        body = b"".join(whole(listing, how)) if how == "ndjson" else str(page(request).text).encode()
        asked["cut"] += 1
        return await send(request, how, body, is_whole=asked["cut"] % 2 == 0)

    async def throttled(request: web.Request) -> web.Response:
        """Two of three requests are refused, in one of the many forms of saying when to come back."""
        asked["throttled"] += 1
        if asked["throttled"] % 3 == 0:
            return page(request)
        status, headers, body = refusal(request.match_info["form"], float(request.query.get("wait", 1)))
        return web.json_response(body, status=status, headers=headers)

    async def trickle(request: web.Request) -> web.StreamResponse:
        """Never silent for long, never done."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"items": [')
        while request.transport is not None and not request.transport.is_closing():
            await response.write(b" ")
            await asyncio.sleep(0.01)
        return response

    async def single(request: web.Request) -> web.StreamResponse:
        """Everything in one response, streamed; cursor fields stand before and after the items."""
        form = request.match_info["form"]
        response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
        if form == "gzip":
            response.enable_compression(web.ContentCoding.gzip)
        await response.prepare(request)
        for piece in whole(listing, form):
            await response.write(piece)
        await response.write_eof()
        return response

    async def redirect(request: web.Request) -> web.Response:
        """To `to`, with the status asked for."""
        return web.Response(status=int(request.query.get("status", 302)), headers={"Location": request.query["to"]})

    return [
        web.get("/cut/{how:length|chunked|gzip|ndjson}", cut),
        web.get("/throttled/{form}", throttled),
        web.get("/trickle", trickle),
        web.get("/all/{form:json|gzip|ndjson|csv}", single),
        web.route("*", "/redirect", redirect),
    ]


async def send(request: web.Request, how: str, body: bytes, *, is_whole: bool) -> web.StreamResponse:
    """An answer with `body`, or, unless it is to be whole, with the half of it and a closed connection."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    if how == "gzip":
        response.headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body)
    half = body if is_whole else body[: body.rfind(b"\n", 0, len(body) // 2) + 1 or len(body) // 2]
    if how == "length":
        response.content_length = len(body)
    elif how == "gzip":
        response.content_length = len(half)  # only the compressed data itself tells that it is cut
    await response.prepare(request)
    await response.write(half)
    if is_whole or how == "gzip":
        await response.write_eof()
    elif request.transport is not None:
        request.transport.close()
    return response


def refusal(form: str, wait_seconds: float) -> tuple[int, dict[str, str], Any]:
    """Return status, headers and body that refuse a request for `wait_seconds`."""
    then = time.time() + wait_seconds
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Limit": "60"}
    too_many = {"error": "too many requests"}
    forms: dict[str, tuple[int, dict[str, str], Any]] = {
        "seconds": (429, {"Retry-After": f"{wait_seconds:.0f}"}, too_many),
        "date": (429, {"Retry-After": formatdate(then, usegmt=True)}, too_many),
        "delta": (429, {**spent, "RateLimit-Reset": f"{wait_seconds:.0f}"}, too_many),
        "forbidden": (403, {**spent, "X-RateLimit-Reset": f"{then:.0f}"}, {"message": "API rate limit exceeded"}),
        "unavailable": (503, {"Retry-After": f"{wait_seconds:.0f}"}, {}),
        "silent": (429, {}, {"errors": [{"error": "RATE_LIMIT_REACHED"}]}),
        "body": (200, {}, {"data": None, "errors": [{"extensions": {"code": "THROTTLED", "wait": wait_seconds}}]}),
    }
    return forms[form]


def whole(listing: Listing, form: str) -> Iterator[bytes]:
    """The listing as one body, in pieces."""
    if form in ("json", "gzip"):
        yield b'{"total": %d, "page": {"before": {"items": [1, 2]}, "items": [' % listing.total
    if form == "csv":
        yield b"id,n,updated_at,note\r\n"
    for start in range(0, listing.total, STEP):
        items = listing.items(start, start + STEP)
        if form in ("json", "gzip"):
            yield (b", " if start else b"") + json.dumps(items).encode()[1:-1]
        elif form == "csv":
            rows = (f'{item["id"]},{item["n"]},{item["updated_at"]},"a ""note"",\nin two lines"' for item in items)
            yield "".join(f"{row}\r\n" for row in rows).encode()
        else:
            yield b"".join(json.dumps(item).encode() + b"\n" for item in items)
    if form in ("json", "gzip"):
        yield b'], "after": [[]]}, "next": null}'
