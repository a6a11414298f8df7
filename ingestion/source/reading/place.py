"""Places: where a value is in an answer (`Read`), and where it goes in a request (`Send`).

To read: `meta.next` or `body:meta.next` (a path into the body), `header:X-Next`, and `item:id` (a path into the last
item of the page). To send: `cursor` or `query:cursor` (a query parameter), `header:NAME`, `body:PATH` (a path into the
JSON body), and `query:*`, which sends each key of an object.
"""

import copy
import json
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator

from ingestion.errors import SourceRefused
from ingestion.source.page import Page, PageRequest
from ingestion.source.reading.number import value_at
from ingestion.source.reading.path import ABSENT, at, exactly_at, steps
from ingestion.validation import not_allowed

EVERY_KEY = ("*",)
MAX_SENT_CHARACTERS = 32 * 1024  # of one value; the longest cursors of APIs have a few thousand


@dataclass(frozen=True, slots=True)
class Place:
    """The base of `Read` and `Send`."""

    kinds: ClassVar[tuple[str, ...]]  # the default first

    kind: str
    path: tuple[str, ...]

    @classmethod
    def of_text(cls, value: Any) -> Self:
        """Return the place that a description names."""
        if isinstance(value, list | tuple) and value and all(isinstance(step, str) for step in value):
            return cls(cls.kinds[0], tuple(value))
        kind, colon, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
        if not colon:
            kind, rest = cls.kinds[0], kind
        if kind not in cls.kinds or not rest:
            raise not_allowed("not a place", f"text such as {' or '.join(f'{kind}:name' for kind in cls.kinds)}")
        return cls(kind, (rest,) if kind in ("header", "query") else steps(rest))

    def __str__(self) -> str:
        return ("" if self.kind == self.kinds[0] else f"{self.kind}:") + ".".join(self.path)


class Read(Place):
    """A place in an answer."""

    kinds = ("body", "header", "item")

    def value_in(self, page: Page) -> Any:
        """Return the value at this place of `page`, or ABSENT."""
        if self.kind == "header":
            return page.headers.get(self.path[0].lower(), ABSENT)
        return value_at(page.last, self.path) if self.kind == "item" else at(page.document, self.path)


class Send(Place):
    """A place in a request."""

    kinds = ("query", "header", "body")

    def into(self, request: PageRequest, value: Any) -> PageRequest:
        """Return `request` with `value` in this place. Raise SourceRefused if the place or the value is wrong."""
        if (length := len(text_of(value))) > MAX_SENT_CHARACTERS:
            raise SourceRefused(
                f"a value for {self} has {length:,} characters, and the most is {MAX_SENT_CHARACTERS:,}; check "
                "where pagination reads it in the description"
            )
        if self.kind == "body":
            return replace(request, body=self._with(request.body or {}, value))
        values = value if self.path == EVERY_KEY else {self.path[0]: value}
        if not isinstance(values, dict):
            raise SourceRefused(f"{self} sends the keys of an object, but a page gave a value that is no object")
        texts = {name: text_of(each) for name, each in values.items()}
        if self.kind == "header":
            return replace(request, headers={**request.headers, **texts})
        return replace(request, query={**request.query, **texts})

    def _with(self, body: dict[str, Any], value: Any) -> dict[str, Any]:
        changed = copy.deepcopy(body)
        *leading, last = self.path
        inner: Any = changed
        for step in leading:
            inner = inner.setdefault(step, {}) if isinstance(inner, dict) else exactly_at(inner, (step,))
        if isinstance(inner, dict):
            inner[last] = value
        elif isinstance(inner, list) and exactly_at(inner, (last,)) is not ABSENT:
            inner[int(last)] = value
        else:
            raise SourceRefused(
                f"the body in the description has no place for {self}; each step must be a key of a table or the index "
                "of an element"
            )
        return changed


def text_of(value: Any) -> str:
    """Return a value as text for a query or a header."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


reading, sending = Read.of_text, Send.of_text
Reading = Annotated[Read, BeforeValidator(reading)]
Sending = Annotated[Send, BeforeValidator(sending)]
