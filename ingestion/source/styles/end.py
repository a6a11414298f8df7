"""How a source says that it has ended, in addition to its pagination style.

Only signals that the description declares count: a short or an empty page in the middle of a source is common, and
stopping there would lose ids.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from ingestion.concealed import quoted, quoted_names
from ingestion.errors import SourceRefused
from ingestion.source.page import Page
from ingestion.source.reading.path import ABSENT, keys_of
from ingestion.source.reading.place import Read, Reading, text_of
from ingestion.validation import Table, not_allowed

# Both adapters also take text, such as "5" and "true", because some APIs write it. A number above 10**18 is no count.
_COUNT, _FLAG = TypeAdapter(Annotated[int, Field(ge=0, le=10**18)]), TypeAdapter(bool)


@dataclass(frozen=True, slots=True)
class End:
    """The source has no further page; `reason` says why.

    `missing` says that the only sign is an absent key or header. If the first page lacks it, `doubt` is the error to
    raise, unless an earlier run with this description has seen a second page.
    """

    reason: str
    missing: bool = False
    doubt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How far a source has been read, including the present page; end signals are compared with it."""

    pages: int
    items: int
    largest_page: int  # of the pages before
    total: int | None = None  # the largest that a page gave
    least_total: int | None = None  # the smallest that a page gave


class EndSignals(Table):
    """The `end` table of a source's pagination."""

    more: Reading | None = None  # a flag that is false on the last page
    done: Reading | None = None  # a flag that is true on the last page
    empty: bool | None = None  # whether a page without items is the end; if None, the style decides
    short: bool = False  # whether a page with fewer items than earlier pages is the end
    total: bool = False  # whether the source ends when as many items have come as its `total` says
    exact_total: bool = False  # whether it is an error to end at another count than `total`
    total_pages: Reading | None = None  # the number of pages
    statuses: tuple[Annotated[int, Field(ge=204, le=499)], ...] = ()  # of answers to a request past the end
    codes: tuple[Annotated[str, Field(min_length=1)], ...] = ()  # one of them must be in the text of such an answer
    repeated: bool = False  # whether a cursor equal to the one just sent is the end, not a loop
    repeated_page: bool = False  # whether a page with the items of an earlier one is the end, not a mistake
    texts: tuple[str, ...] = ("",)  # values that mean "no cursor", numbers as text; see `is_none`
    one_page: bool = False  # whether a first page without the key or header for a next page may be the whole source

    @model_validator(mode="after")
    def _codes_can_be_seen(self) -> Self:
        if self.codes and (not self.statuses or min(self.statuses) < 300):
            raise not_allowed("of no use", "with statuses that have a text, such as statuses = [404]", "codes")
        return self

    def matches(self, status: int, text: str) -> bool:
        """Return whether an answer that is no page means that the request was past the end."""
        return status in self.statuses and (not self.codes or any(code in text for code in self.codes))

    def signals(self, page: Page, reached: Reached) -> dict[str, bool]:
        """Return the declared end signals of `page`, in words, each with True for the end, False for more pages.

        Raise SourceRefused if `more` is missing, or a flag is neither true nor false: the end would be missed.
        """
        said = {}
        if self.done is not None and self.done.value_in(page) is not ABSENT:
            done = _flag(page, self.done, "done")
            said[f"{self.done} is {str(done).lower()}"] = done
        if self.more is not None:
            more = _flag(page, self.more, "more")
            said[f"{self.more} is {str(more).lower()}"] = not more
        pages = None if self.total_pages is None else number_of(self.total_pages.value_in(page))
        if pages is not None:
            said[f"{self.total_pages} is {pages}, and {reached.pages} came"] = reached.pages >= pages
        return said

    def reason(self, page: Page, reached: Reached, *, empty: bool) -> End | None:
        """Return the end that `page` declares; `empty` says whether the style ends at a page without items.

        A declared signal that more follows overrides the style.
        """
        signals = self.signals(page, reached)
        if ends := [words for words, is_end in signals.items() if is_end]:
            return End(ends[0])
        if not page.count and (empty and not signals if self.empty is None else self.empty):
            return End("a page without items")
        if self.short and (not page.count or page.count < reached.largest_page):
            return End(f"a page of {page.count} after pages of {reached.largest_page}")
        if self.total and reached.items == reached.total:  # with more items than the total, the total is wrong
            return End(f"all {reached.total} items came")
        return None

    def takes_null(self, page: Page, reached: Reached) -> bool:
        """Return whether `page`, with null in place of its items, is an end that the description allows."""
        return bool(self.empty) or any(self.signals(page, reached).values())

    def is_none(self, cursor: Any) -> bool:
        """Return whether a value means "no cursor": absent, null, false, empty, or one of `texts`."""
        return cursor in (ABSENT, None, {}, []) or cursor is False or text_of(cursor) in self.texts


def number_of(value: Any) -> int | None:
    """Return a count from 5, 5.0 or "5"; else None."""
    try:
        return None if isinstance(value, bool) else _COUNT.validate_python(value)
    except ValidationError:
        return None


def _flag(page: Page, where: Read, name: str) -> bool:
    given = where.value_in(page)
    try:
        return _FLAG.validate_python(given)
    except ValidationError:
        found = "nothing" if given is ABSENT else quoted(repr(given), 40)
        expected = f"where end.{name} = {str(where)!r} expects true or false"
        kind, names = ("headers", page.headers) if where.kind == "header" else ("keys", keys_of(page.document))
        raise SourceRefused(
            f"a page has {found} {expected}; the page has these {kind}: {quoted_names(names)}"
        ) from None
