"""Bodies that are cut off, compressed, or one whole listing."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator

from aiohttp import web

from local.demo.paging.listing import Listing, by_token

STEP = 1_000  # items that are written at once


def routes(listing: Listing) -> list[web.RouteDef]:
    """Return the routes of this family."""
    asked: Counter[str] = Counter()

    def page(request: web.Request) -> web.Response:
        return by_token(listing, request.query.get("cursor")).plain()

    async def cut(request: web.Request) -> web.StreamResponse:
        """Every second answer stops within the body, in one of the ways to give a body's length."""
        how = request.match_info["how"]
        body = b"".join(whole(listing, how)) if how == "ndjson" else str(page(request).text).encode()
        asked["cut"] += 1
        return await send(request, how, body, is_whole=asked["cut"] % 2 == 0)

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

    return [
        web.get("/cut/{how:length|chunked|gzip|ndjson}", cut),
        web.get("/all/{form:json|gzip|ndjson|csv}", single),
    ]


async def send(request: web.Request, how: str, body: bytes, *, is_whole: bool) -> web.StreamResponse:
    """Answer with the whole `body`, or with half of it and a closed connection."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    if how == "gzip":
        response.headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body)
    half = body if is_whole else body[: body.rfind(b"\n", 0, len(body) // 2) + 1 or len(body) // 2]
    if how == "length":
        response.content_length = len(body)
    elif how == "gzip":
        response.content_length = len(half)  # only the compressed data shows that it is cut off
    await response.prepare(request)
    await response.write(half)
    if is_whole or how == "gzip":
        await response.write_eof()
    elif request.transport is not None:
        request.transport.close()
    return response


def whole(listing: Listing, form: str) -> Iterator[bytes]:
    """Yield the listing as one body, in pieces."""
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
