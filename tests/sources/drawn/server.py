"""Random APIs, one for each style, in memory.

They follow the definitions of the styles, not the code that reads them. As most APIs, they ignore parameters that they
do not know.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

HOST = "http://api.invalid/items"
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass
class World:
    """A source: its number of items, its pages, its growth during the reading, and its end."""

    style: str
    end: str
    total: int
    sizes: tuple[int, ...]  # of the pages, in turn; 0 is a page without items in the middle
    ties: int = 1  # items that share a time
    grows: tuple[int, ...] = ()  # items that are appended before each further request
    gaps: int = 0  # numbers in a row without items, which give empty windows
    format: str = "json"
    asked: int = 0
    answered: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Return the largest size of a page."""
        return max(self.sizes)

    @property
    def ids(self) -> list[str]:
        """Return the number of items that the source has now."""
        return [item["id"] for item in self.items]

    @property
    def items(self) -> list[dict[str, Any]]:
        """Return the items of the source now."""
        kept = (n for n in range(self.total) if not self.gaps or n % (3 * self.gaps) >= self.gaps)
        times = {n: (EPOCH + timedelta(seconds=n // self.ties)).isoformat() for n in range(self.total)}
        return [{"id": f"i{n:04}", "n": n, "at": times[n]} for n in kept]

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Grow, and answer as the API does."""
        if 0 < self.asked <= len(self.grows):
            self.total += self.grows[self.asked - 1]
        self.asked += 1
        self.answered.append(str(request.url))
        try:
            answer = ANSWERS[self.style](self, request)
        except (ValueError, KeyError) as error:  # a token or a number that it cannot read, or none
            answer = httpx.Response(400, json={"error": str(error)})
        body = httpx.ByteStream(answer.content)  # a response with its content cannot be streamed
        length = {"Content-Length": str(len(answer.content))}
        return httpx.Response(answer.status_code, headers={**answer.headers, **length}, stream=body)

    def response(self, items: list[Any], headers: dict[str, str] | None = None, **around: Any) -> httpx.Response:
        """Return a page in the format of the source; JSON alone has something around the items."""
        if self.format == "json":
            return httpx.Response(200, json={"data": {"items": items}, **around}, headers=headers)
        if self.format == "ndjson":
            body = "".join(json.dumps(item) + "\n" for item in items)
        else:
            body = "\n".join(["id,n,at", *(",".join(map(str, item.values())) for item in items)]) + "\n"
        return httpx.Response(200, content=body.encode(), headers=headers)

    def cut(self, start: int) -> tuple[list[Any], int]:
        """Return the page that begins with an item, and where the next one begins."""
        size = self.sizes[start % len(self.sizes)]
        return self.items[start : start + size], start + size


def _token(world: World, text: str | None) -> tuple[list[Any], str | None]:
    """Return the page at a token, and the next token; an empty page has a token too."""
    passed = (text or "").endswith("x")
    start = int((text or "t0").strip("tx"))
    items, following = world.cut(start)
    if passed and not items:
        items, following = world.items[start : start + 1], start + 1
    following_token = f"t{following}" + ("x" if not items else "")
    return items, following_token if following < len(world.items) else None


def _cursor(world: World, request: httpx.Request) -> httpx.Response:
    items, following = _token(world, request.url.params.get("cursor"))
    total = {"total": len(world.items)}
    meta: dict[str, Any]
    match world.end:
        case "absent":
            meta = {"next": following} if following else {}
        case "null" | "empty":
            meta = {"next": following or {"null": None, "empty": ""}[world.end]}
        case "flag":
            meta = {"next": following or "t999999", "more": following is not None}
        case "total":
            meta = {"next": following or "t999999", **total}
        case _:
            raise AssertionError(world.end)
    return world.response(items, meta=meta)


def _next_url(world: World, request: httpx.Request) -> httpx.Response:
    items, following = _token(world, request.url.params.get("skip"))
    address = {"absolute": f"{HOST}?skip={following}", "relative": f"?skip={following}"}[world.end]
    return world.response(items, links={"next": address if following else None})


def _link_header(world: World, request: httpx.Request) -> httpx.Response:
    items, following = _token(world, request.url.params.get("after"))
    last = f'<{HOST}>; rel="first"'
    link = f'<{HOST}?after={following}>; rel="next", {last}' if following else last
    return world.response(items, headers={"Link": link})


def _page_number(world: World, request: httpx.Request) -> httpx.Response:
    number, size = int(request.url.params.get("page", 1)), world.size
    pages = -(-len(world.items) // size)
    if number > pages and number > 1:
        if world.end == "404":
            return httpx.Response(404, json={"error": "past the end"})
        if world.end == "last again":
            number = pages
    items = world.items[(number - 1) * size : number * size]
    return world.response(items, {"X-Pages": str(pages)}, pages=pages, last=number >= pages)


def _offset(world: World, request: httpx.Request) -> httpx.Response:
    start = int(request.url.params.get("offset", 0))
    items, _ = world.cut(start)
    count = len(world.items)
    if not items and start < count:
        items = world.items[start : start + 1]
    return world.response(items, total=count, headers={"X-Total": str(count)})


def _keyset(world: World, request: httpx.Request) -> httpx.Response:
    after = request.url.params.get("after", "")
    left = [item for item in world.items if item["id"] > after]
    return world.response(left[: world.size], more=len(left) > world.size)


def _since(world: World, request: httpx.Request) -> httpx.Response:
    since = request.url.params.get("since")
    moment = datetime.fromisoformat(since) if since else EPOCH
    left = [item for item in world.items if datetime.fromisoformat(item["at"]) >= moment]
    return world.response(left[: world.size])


def _window(world: World, request: httpx.Request) -> httpx.Response:
    start, stop = int(request.url.params["from"]), int(request.url.params["to"])
    return world.response([item for item in world.items if start <= item["n"] < stop])


def _range_header(world: World, request: httpx.Request) -> httpx.Response:
    asked, count = request.headers.get("Range", "").removeprefix("items="), len(world.items)
    if not asked:
        return httpx.Response(200, json=world.items)
    start = int(asked.split("-")[0])
    items = world.items[start : start + min(world.size, int(asked.split("-")[1]) - start + 1)]
    known = "*" if world.end == "416" else str(count)
    if not items:
        return httpx.Response(416, json={}, headers={"Content-Range": f"items */{known}"})
    part = f"items {start}-{start + len(items) - 1}/{known}"
    return httpx.Response(206, json=items, headers={"Content-Range": part})


ANSWERS: dict[str, Callable[[World, httpx.Request], httpx.Response]] = {
    "cursor": _cursor,
    "next_url": _next_url,
    "link_header": _link_header,
    "page_number": _page_number,
    "offset": _offset,
    "keyset": _keyset,
    "since": _since,
    "window": _window,
    "range_header": _range_header,
}
