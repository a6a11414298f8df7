"""A situation: one fault, its public report, the description that a user would write, and the correct messages."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

PAGE = 10  # items
Answer = web.Response | dict[str, Any] | str  # a document, or a text in the situation's format


class Api:
    """A list of items, and how often each place in the list was requested."""

    def __init__(self, situation: "Situation", size: int) -> None:
        self.size = size
        self.items = [situation.item(number) for number in range(1, size + 1)]
        self._asked: Counter[object] = Counter()

    def page(self, start: int, size: int = PAGE) -> list[Any]:
        return self.items[start : start + size]

    def after(self, start: int, key: str = "next") -> dict[str, Any]:
        """Return the page at a cursor, which is the number of items before it; the last page has a null cursor."""
        stop = start + PAGE
        return {"items": self.page(start), key: stop if stop < self.size else None, "total": self.size}

    def first_time(self, start: int, place: int = 2 * PAGE) -> bool:
        """Return whether `start` is this place, and this is the first request for it."""
        self._asked[place] += start == place
        return start == place and self._asked[place] == 1


Handler = Callable[[Api, web.Request], Answer]


@dataclass(frozen=True, kw_only=True)
class Situation:
    """`description` is the table of a source without its url; `cause` is part of the error if a run should refuse it.

    `edited` replaces `description` when the run waits for the source.
    """

    name: str
    number: int  # the kind of fault: a heading in pages.py or bodies.py
    report: str
    answer: Handler
    description: str
    cause: str = ""
    edited: str = ""
    item: Callable[[int], Any]
    message: Callable[[int], Any]

    def truth(self, size: int) -> Counter[str]:
        """Return the messages that must be on the queue, each once."""
        return Counter(as_it_stands(text_of(self.message(number))) for number in range(1, size + 1))


SITUATIONS: list[Situation] = []


def situation(
    number: int,
    report: str,
    description: str,
    *,
    cause: str = "",
    edited: str = "",
    item: Callable[[int], Any] = lambda number: {"id": number},
    message: Callable[[int], Any] = lambda number: number,
) -> Callable[[Handler], Handler]:
    """Register a function as a situation, under the function's name."""

    def enter(answer: Handler) -> Handler:
        one = Situation(
            name=answer.__name__,
            number=number,
            report=report,
            answer=answer,
            description=description,
            cause=cause,
            edited=edited,
            item=item,
            message=message,
        )
        SITUATIONS.append(one)
        return answer

    return enter


def text_of(value: Any) -> str:
    """Return JSON; a text that begins with a brace is an item in JSON already."""
    return value if isinstance(value, str) and value.startswith("{") else json.dumps(value)


def as_it_stands(text: str) -> str:
    """Return JSON in a normal form that keeps every digit of a number and every repeated key."""
    return json.dumps(json.loads(text, parse_float=_number, parse_int=_number, object_pairs_hook=_pairs))


def _number(digits: str) -> dict[str, str]:
    return {"number": digits}


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {"object": sorted(pairs, key=json.dumps)}


def asked(request: web.Request, name: str = "cursor", default: int = 0) -> int:
    """Return the number in a query parameter."""
    return int(request.query.get(name, default))
