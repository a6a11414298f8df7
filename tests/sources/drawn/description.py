"""The right description of a random source, and mistakes in it."""

import copy
from collections.abc import Iterator
from typing import Any

from tests.sources.drawn.server import World

ENDS = {
    "cursor": ("absent", "null", "empty", "flag", "total"),
    "next_url": ("absolute", "relative"),
    "link_header": ("absent",),
    "page_number": ("empty page", "pages", "pages in a header", "404", "flag", "last again", "total"),
    "offset": ("empty page", "total", "total in a header"),
    "keyset": ("flag", "empty page"),
    "since": ("nothing new",),
    "window": ("range",),
    "range_header": ("known", "416"),
}
LINES = ("link_header", "offset", "keyset", "page_number")  # styles that need nothing around the items
PLACES = {"read", "send", "send_from", "send_to", "key", "items", "message", "total", "more", "done", "total_pages"}
OTHERS: dict[str, dict[str, Any]] = {  # each style as a description has it that means it
    "cursor": {"read": "meta.next", "send": "cursor"},
    "next_url": {"read": "links.next"},
    "link_header": {},
    "page_number": {},
    "offset": {},
    "keyset": {"key": "id", "send": "after"},
    "since": {"key": "at", "send": "since", "start": "2024-01-01T00:00:00Z", "overlap": 2},
    "range_header": {"limit": 7},
}


def described(world: World) -> dict[str, Any]:
    """Return the right description of a source."""
    table: dict[str, Any] = {"message": "id", "format": world.format, **_of_style(world)}
    if world.format == "ndjson":  # whose empty page is a body of nothing
        table["pagination"].setdefault("end", {})["empty"] = world.style != "link_header"
    if world.format == "json":
        table["items"] = "" if world.style == "range_header" else "data.items"
    return table


def _of_style(world: World) -> dict[str, Any]:
    style = world.style
    match style, world.end:
        case "cursor", "flag":
            more: dict[str, Any] = {"end": {"more": "meta.more"}}
        case "cursor", "total":
            return {"total": "meta.total", "pagination": {"style": style, **OTHERS[style], "end": {"total": True}}}
        case "page_number", "pages":
            more = {"end": {"total_pages": "pages"}}
        case "page_number", "pages in a header":
            more = {"end": {"total_pages": "header:X-Pages"}}
        case "page_number", "404":
            more = {"end": {"statuses": [404]}}
        case "page_number", "flag":
            more = {"end": {"done": "last"}}
        case "page_number", "last again":
            more = {"end": {"repeated_page": True}}
        case "offset", "total":
            return {"total": "total", "pagination": {"style": style, "end": {"total": True}}}
        case "offset", "total in a header":
            return {"total": "header:X-Total", "pagination": {"style": style, "end": {"total": True}}}
        case "keyset", "flag":
            more = {"end": {"more": "more"}}
        case "window", _:
            step = max(3, world.total // 4)
            window = {"style": style, "start": 0, "stop": max(1, world.total + sum(world.grows)), "step": step}
            return {"pagination": {**window, "send_from": "from", "send_to": "to"}}
        case _:
            more = {}
    return {"pagination": {"style": style, **OTHERS.get(style, {}), **more}}


def places_in(table: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return where the description names a place of an answer or request, in which a letter may be wrong."""
    return sorted(_places(table))


def _places(table: dict[str, Any], under: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _places(value, (*under, key))
        elif key in PLACES and isinstance(value, str) and value:
            yield (*under, key)


def with_wrong_letter(table: dict[str, Any], place: tuple[str, ...]) -> dict[str, Any]:
    """Return the description with the last letter of one place wrong."""
    wrong = copy.deepcopy(table)
    inner = wrong
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = inner[place[-1]][:-1] + "q"
    return wrong


def with_style(table: dict[str, Any], style: str) -> dict[str, Any]:
    """Return the description with another style, and nothing left of its own."""
    return {**table, "pagination": {"style": style, **OTHERS[style]}}
