"""Guess from one answer how an API pages: where the items are, what identifies an item, what leads to the next page.

Input: headers and a document. Output: guesses, the likeliest first, each with its reasons. Nothing here does I/O; the
caller tests a guess with a second page.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, NamedTuple

Path = tuple[str, ...]

DEEPEST = 5  # nested objects to search
MOST_GUESSES = 24

# Names as `plain` returns them: lower-case letters and digits.
LISTS = (
    "items", "data", "results", "result", "value", "values", "records", "entries", "rows", "docs", "hits", "edges",
    "nodes", "elements", "objects", "content", "members", "resources", "list",
)  # fmt: skip
IDS = ("id", "uuid", "guid", "key", "number", "sku", "code", "href", "url", "name")
INSIDE = ("node", "attributes", "resource", "_source")  # objects in an item that may hold its id
TOTALS = (
    "total", "totalcount", "totalitems", "totalresults", "totalsize", "totalrecords", "totalelements", "totalhits",
    "odatacount", "recordcount", "recordstotal", "itemcount", "count", "numfound", "found",
)  # fmt: skip
OF_PAGE = ("count", "numfound", "found", "itemcount", "recordcount")  # may also count the items of one page
TOTAL_PAGES = ("totalpages", "pagecount", "pagestotal", "lastpage", "numpages", "pages", "numberofpages")
MORE = ("hasmore", "more", "hasnext", "hasnextpage", "hasmoreitems", "moreavailable", "morerecords")
DONE = ("done", "last", "islast", "islastpage", "endofstream")
PAGES = ("page", "currentpage", "pagenumber", "pageno", "pageindex", "number")
OFFSETS = ("offset", "skip", "start", "startat", "startindex", "from")
CURSORS = (
    "cursor", "endcursor", "continuation", "continuationtoken", "pagetoken", "marker", "bookmark", "scrollid", "after",
)  # fmt: skip
BACK = ("prev", "previous", "first", "last", "self", "current", "before", "start")  # links to other pages than the next
HEADER_TOTALS = ("x-total", "x-wp-total", "x-total-count", "total-count", "x-total-results", "x-total-items")
HEADER_PAGES = ("x-total-pages", "x-wp-totalpages", "x-page-count", "x-pages")
HEADER_CURSORS = re.compile(r"(x-)?(ms-)?(next-(cursor|token|page|page-token|marker)|continuation(-token)?)")

SENT_PAGES = ("page", "p", "pageNumber", "page_number", "page[number]", "pageIndex")
SENT_OFFSETS = ("offset", "skip", "start", "startAt", "$skip", "from")
SENT_CURSORS = ("cursor", "after", "page_token", "pageToken", "next", "starting_after", "token", "page")
SENT_KEYS = ("starting_after", "after", "after_id", "since_id", "last_id")


class Answer(NamedTuple):
    """The first answer of an API: `document` is its JSON, or a list of objects for lines and CSV."""

    headers: Mapping[str, str]  # names in lower case
    document: Any
    format: str = "json"


@dataclass(frozen=True)
class Guess:
    """Keys of a source's table, and the reason for each key; `ends`: whether this page may be the only one."""

    table: dict[str, Any]
    why: dict[str, str]
    ends: bool = False


@dataclass(frozen=True)
class Shape:
    """The parts of an answer: its items, and the values outside of them by path."""

    items: list[Any]
    table: dict[str, Any] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    around: dict[Path, Any] = field(default_factory=dict)
    total: int | None = None

    @property
    def has_more(self) -> bool:
        """Return whether the answer says that there are more items than it holds."""
        if self.total is not None and self.total > len(self.items):
            return True
        flags = [(plain(path[-1]), value) for path, value in self.around.items() if path]
        return any(
            (name in MORE and value is True)
            or (name in DONE and value is False)
            or (name in TOTAL_PAGES and is_count(value) and value > 1)
            for name, value in flags
        )


def plain(name: str) -> str:
    """Return a name in lower-case letters and digits: `next_page`, `nextPage` and `Next-Page` are the same."""
    return re.sub("[^a-z0-9]", "", name.lower())


def is_count(value: Any) -> bool:
    """Return whether a value can be a count."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def written(path: Path) -> str | list[str]:
    """Return a path as a description writes it: keys with dots, or a list if a key has special characters."""
    strange = any(not key or re.search(r"[.:]", key) or re.fullmatch("-?[0-9]+", key) for key in path)
    return list(path) if strange else ".".join(path)


def shape_of(answer: Answer) -> Shape | None:
    """Return the parts of an answer; None if it has no list with items."""
    document = answer.document
    found = [(path, value) for path, value in _lists(document, ()) if value]
    if not found:
        return None
    best = max(found, key=lambda one: _likeness(*one))
    path, items = best
    table: dict[str, Any] = {}
    why: dict[str, str] = {}
    if answer.format == "json":
        table["items"] = written(path)
        others = ", ".join(".".join(other) for other, _ in found if other != path)
        why["items"] = f"a list of {len(items)}" + (f"; other lists: {others}" if others else "")
    else:
        table["format"], why["format"] = answer.format, "from Content-Type"
    message = _id_of(items)
    if message is not None:
        table["message"] = written(message)
        why["message"] = "every item has it, and no two items have the same value"
    around = dict(_values(document, (), path)) if answer.format == "json" else {}
    shape = Shape(items, table, why, around)
    return _with_total(shape, answer)


def guesses(answer: Answer, shape: Shape, query: Sequence[str] = ()) -> Iterator[Guess]:
    """Yield what may lead to the next page, the likeliest first; `query` has the names of the sent parameters."""
    found = [
        *_links(answer),
        *_addresses(shape),
        *_cursors(shape, query),
        *_header_cursors(answer),
        *_pages(answer, shape),
        *_offsets(shape),
        *_keys(shape),
        *_ranges(answer),
        *_tries(answer, shape),
        *_single(shape),
    ]
    seen: list[Any] = []
    for one in found:
        if one.table not in seen and len(seen) < MOST_GUESSES:
            seen.append(one.table)
            yield one


def _lists(value: Any, path: Path) -> Iterator[tuple[Path, list[Any]]]:
    """Yield every list of an answer, with its path, but no list inside a list."""
    if isinstance(value, list):
        yield path, value
    elif isinstance(value, dict) and len(path) < DEEPEST:
        for key, inner in value.items():
            yield from _lists(inner, (*path, key))


def _likeness(path: Path, items: list[Any]) -> tuple[bool, bool, int, int]:
    """Rank a list as the list of items: by objects in it, a usual name, its length, and how near to the top it is."""
    is_named = not path or plain(path[-1]) in LISTS
    return isinstance(items[0], dict), is_named, len(items), -len(path)


def _values(value: Any, path: Path, items: Path) -> Iterator[tuple[Path, Any]]:
    """Yield every value of an answer outside its items, with its path; objects too, since they may be cursors."""
    if path == items and path:
        return
    if isinstance(value, dict):
        if path:
            yield path, value
        if len(path) < DEEPEST:
            for key, inner in value.items():
                yield from _values(inner, (*path, key), items)
    elif not isinstance(value, list):
        yield path, value


def _id_of(items: list[Any]) -> Path | None:
    """Return the path of an item's id; None if the items are not objects, or have no id."""
    if not isinstance(items[0], dict):
        return None
    objects = [item for item in items if isinstance(item, dict)]
    inner = [(key,) for key in INSIDE if isinstance(objects[0].get(key), dict)]
    places = [*inner, ()] if plain(next(iter(objects[0]))) in map(plain, INSIDE) else [(), *inner]
    for place in places:
        holders: list[Any] = [one.get(place[0]) if place else one for one in objects]
        if len(objects) != len(items) or not all(isinstance(holder, dict) for holder in holders):
            continue
        keys = sorted(holders[0], key=_rank)
        for key in (key for key in keys if _rank(key) < len(IDS) + 1):
            values = [holder.get(key) for holder in holders]
            is_scalar = all(isinstance(value, str | int) and not isinstance(value, bool) for value in values)
            if is_scalar and len(set(values)) == len(values):
                return (*place, key)
    return None


def _rank(key: str) -> int:
    """Return how likely a key holds the id of an item: 0 is the likeliest."""
    name = plain(key)
    if name in IDS[:3]:
        return IDS.index(name)
    if name.endswith("id") and (key.lower().endswith(("_id", "-id")) or key.endswith(("Id", "ID"))):
        return 3
    return IDS.index(name) + 1 if name in IDS else len(IDS) + 1


def _with_total(shape: Shape, answer: Answer) -> Shape:
    """Return the shape with the place of the API's total number of items, if the answer has one."""
    table, why = dict(shape.table), dict(shape.why)
    for name in HEADER_TOTALS:
        given = answer.headers.get(name, "")
        if given.isdecimal() and int(given) >= len(shape.items):
            table["total"], why["total"] = f"header:{name}", f"it is {given}"
            return Shape(shape.items, table, why, shape.around, int(given))
    ranked: list[tuple[int, Path, int]] = []
    for path, value in shape.around.items():
        name = plain(path[-1]) if path else ""
        if name == "value" and len(path) > 1:  # as in hits.total.value
            name = plain(path[-2])
        least = len(shape.items) + (name in OF_PAGE)
        counts_all = is_count(value) and value >= least
        if name in TOTALS and counts_all:
            ranked.append((TOTALS.index(name), path, value))
    if not ranked:
        return shape
    _, path, value = min(ranked)
    table["total"], why["total"] = written(path), f"it is {value}"
    return Shape(shape.items, table, why, shape.around, value)


def _flags(shape: Shape) -> dict[str, Any]:
    """Return the table `end` for a flag in the answer that says that there are more pages; empty without a flag."""
    for path, value in shape.around.items():
        name = plain(path[-1]) if path else ""
        if name in MORE and value is True:
            return {"more": written(path)}
        if name in DONE and value is False:
            return {"done": written(path)}
    return {}


def _guess(style: str, why: str, *, ends: bool = False, end: Mapping[str, Any] | None = None, **given: Any) -> Guess:
    pagination = {"style": style, **{key: value for key, value in given.items() if value is not None}}
    if end:
        pagination["end"] = dict(end)
    return Guess({"pagination": pagination}, {"pagination": why}, ends)


def _links(answer: Answer) -> Iterator[Guess]:
    header = answer.headers.get("link", "")
    relations = {each.lower() for names in re.findall(r'rel="?([^";,]+)', header) for each in names.split()}
    if "next" in relations:
        yield _guess("link_header", 'the Link header has rel="next"')
    elif relations & {"first", "last", "prev"}:
        why = 'the Link header has no rel="next" on this page, so this page is the only one'
        yield _guess("link_header", why, ends=True, end={"one_page": True})


def _leads_on(path: Path) -> bool:
    """Return whether a path looks like the path of a link or cursor to the next page."""
    names = [plain(key) for key in path]
    if any(name in BACK or name.startswith("prev") for name in names[:-1]) or names[-1:] == ["prev"]:
        return False
    return any(name.startswith(("next", "odatanext")) for name in names) or (bool(names) and names[-1] in CURSORS)


def _addresses(shape: Shape) -> Iterator[Guess]:
    for path, value in shape.around.items():
        if not _leads_on(path):
            continue
        if isinstance(value, str) and re.match(r"https?://|/|\?", value):
            yield _guess("next_url", f"{'.'.join(path)} holds a URL", read=written(path))
        elif value in (None, "") and plain(path[-1]).startswith(("next", "odatanext")) and not shape.has_more:
            why = f"{'.'.join(path)} is empty, so this page is the only one; no answer with a URL in it was seen"
            yield _guess("next_url", why, ends=True, read=written(path))


def _cursors(shape: Shape, query: Sequence[str]) -> Iterator[Guess]:
    end = _flags(shape)
    for path, value in shape.around.items():
        at = ".".join(path)
        is_object = isinstance(value, dict) and plain(path[-1]) in ("continue", "next", "continuation")
        if is_object and len(value) > 1 and all(isinstance(each, str | int) for each in value.values()):
            yield _guess(
                "cursor", f"{at} is an object; the next request sends all of it", read=written(path), send="query:*"
            )
        if not _leads_on(path) or isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            continue
        if isinstance(value, str) and re.match(r"https?://|/|\?", value):
            continue
        ends = {**end, **({"repeated": True} if plain(path[-1]) == "nextcursormark" else {})}
        if isinstance(value, int) and len(shape.items) and value in (1, 2):
            sent: list[str] = ["page", *_sent_for(path)]
        elif isinstance(value, int) and value == len(shape.items):
            sent = ["offset", *_sent_for(path)]
        else:
            sent = _sent_for(path)
        for name in [*(name for name in sent if name in query), *sent][:6]:
            why = f"{at} holds a value; the next request sends it as {name}"
            yield _guess("cursor", why, end=ends, read=written(path), send=name)


def _sent_for(path: Path) -> list[str]:
    """Return the parameters that may send the value at a path back to the API, the likeliest first."""
    key = path[-1]
    bare = re.sub(r"^(next|Next|end)[_-]?(?=.)", "", key)
    bare = bare[:1].lower() + bare[1:] if bare != key else bare
    own = [bare] if plain(key) not in ("next", "endcursor") else []
    first = ["after"] if plain(key) in ("endcursor", "after") else []
    return list(dict.fromkeys([*first, *own, *SENT_CURSORS]))


def _header_cursors(answer: Answer) -> Iterator[Guess]:
    for name, value in answer.headers.items():
        if not HEADER_CURSORS.fullmatch(name) or not value:
            continue
        bare = re.sub("^(x-)?(ms-)?(next-)?", "", name).replace("-", "_")
        sent = [f"header:{name}", bare] if "continuation" in name else [bare, f"header:{name}"]
        for place in dict.fromkeys([*sent, *SENT_CURSORS[:3]]):
            why = f"the header {name} holds a value; the next request sends it"
            yield _guess("cursor", why, read=f"header:{name}", send=place)


def _numbered(answer: Answer, shape: Shape) -> tuple[int, dict[str, Any], str]:
    """Return the number of this page, the end signals of page numbers, and the reason."""
    start, end, why = 1, _flags(shape), ""
    for path, value in shape.around.items():
        name = plain(path[-1]) if path else ""
        if name in PAGES and value in (0, 1) and not isinstance(value, bool):
            start, why = int(value), f"{'.'.join(path)} is {value}"
        if name in TOTAL_PAGES and is_count(value) and value and _is_number_of_pages(shape, name, value):
            end = {"total_pages": written(path)}
    for name in HEADER_PAGES:
        if answer.headers.get(name, "").isdecimal():
            end, why = {"total_pages": f"header:{name}"}, why or f"the header {name} has the number of pages"
    return start, end, why or ("the answer has the number of pages" if "total_pages" in end else "")


def _is_number_of_pages(shape: Shape, name: str, value: int) -> bool:
    """Return whether a value is the number of pages: a value that is too small would end a run early."""
    if shape.total is not None:
        return value == ceil(shape.total / len(shape.items))
    return name != "pages"


def _pages(answer: Answer, shape: Shape) -> Iterator[Guess]:
    start, end, why = _numbered(answer, shape)
    if not why:
        return
    echoes = [path[-1] for path in shape.around if path and plain(path[-1]) in PAGES[:4]]
    for name in dict.fromkeys(["page", *echoes, *SENT_PAGES]):
        for first in (start, 1 - start):
            yield _page_number(name, first, why, end)


def _page_number(name: str, start: int, why: str, end: Mapping[str, Any]) -> Guess:
    return _guess("page_number", why, end=end, send=name, start=start if start != 1 else None)


def _offsets(shape: Shape) -> Iterator[Guess]:
    for path, value in shape.around.items():
        name = plain(path[-1]) if path else ""
        if name in OFFSETS and value in (0, 1) and not isinstance(value, bool):
            yield _guess(
                "offset", f"{'.'.join(path)} is {value}", end=_flags(shape), send=path[-1], start=value or None
            )


def _keys(shape: Shape) -> Iterator[Guess]:
    end = _flags(shape)
    key = shape.table.get("message")
    if "more" not in end or key is None:
        return
    for name in SENT_KEYS:
        why = f"{end['more']} says that there is more; {name} sends the last {key}"
        yield _guess("keyset", why, end=end, key=key, send=name)


def _ranges(answer: Answer) -> Iterator[Guess]:
    unit = re.match(r"\s*([a-z-]+)\s", answer.headers.get("content-range", "")) or re.fullmatch(
        r"\s*([a-z-]+)\s*", answer.headers.get("accept-ranges", "")
    )
    if unit and unit[1] not in ("bytes", "none"):
        yield _guess(
            "range_header", f"the API accepts ranges of {unit[1]}", unit=unit[1] if unit[1] != "items" else None
        )


def _tries(answer: Answer, shape: Shape) -> Iterator[Guess]:
    """Yield the usual parameters: an API that does not know one of them returns the first page again, or an error."""
    start, end, _ = _numbered(answer, shape)
    pages = [_page_number(name, start, f"{name} leads to other items", end) for name in SENT_PAGES]
    offsets = [_guess("offset", f"{name} leads to other items", end=_flags(shape), send=name) for name in SENT_OFFSETS]
    yield from (pages[0], _page_number(SENT_PAGES[0], 1 - start, "page leads to other items", end), offsets[0])
    if shape.has_more:
        yield from (*pages[1:], *offsets[1:])


def _single(shape: Shape) -> Iterator[Guess]:
    """Yield that this page is the only one, unless the answer says that there is more."""
    if not shape.has_more:
        yield _guess("none", "the answer has no link or cursor, and page and offset bring no other items", ends=True)
