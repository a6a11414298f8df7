"""The table `incremental` of a source: what one run passes to the next, so that the next reads only what is new.

The key `carry` says what a run passes on. "value" is the highest value of a field, "clock" is the end of the run's
range, and "token" is a token in the last page. The next run sends this in place of `{from}`, which
`ingestion.source.description.values` replaces.
"""

import re
from datetime import date, datetime
from decimal import Decimal
from math import ceil
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, model_validator

from ingestion.errors import SHOWN_CHARACTERS, cut
from ingestion.reads import Reads
from ingestion.source.description import forms
from ingestion.source.description.forms import EXAMPLES, Form
from ingestion.source.http.outage import WrongItem
from ingestion.source.reading.path import ABSENT, Path, at, shown
from ingestion.source.reading.place import Reading
from ingestion.validation import Table, not_allowed

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LENGTH = re.compile(r"(\d{1,9})([smhd])", re.ASCII)


def _length(given: Any) -> Decimal:
    """Return the seconds of a length of time: a number, or a text such as "2h"."""
    if isinstance(given, str) and (found := _LENGTH.fullmatch(given)):
        return Decimal(found[1]) * _UNITS[found[2]]
    if isinstance(given, bool) or not isinstance(given, int | float | Decimal) or given < 0:
        raise not_allowed("no length of time", "0 or more seconds, or a text such as '90s', '15m', '2h', '30d'")
    return Decimal(str(given))


def _plain(given: Any) -> Any:
    """Return a date or a time of TOML as text, anything else unchanged."""
    return given.isoformat() if isinstance(given, datetime | date) else given


def _without(item: Any) -> str:
    """Return which keys an item without `key` has, so that a person finds the item, or the right key."""
    if not isinstance(item, dict):
        return "missing"
    return f"missing; this item has {cut(', '.join(item) or 'nothing', SHOWN_CHARACTERS)}"


Length = Annotated[Decimal, BeforeValidator(_length)]


class Incremental(Table):
    """The `incremental` table. Lengths of time are in seconds; with form = "number", `overlap` is a number too."""

    carry: Literal["value", "clock", "token"]
    key: Path | None = None  # a path in an item; the value there orders the items
    key_form: Form | None = None  # the form of that value, if it differs from `form`
    read: Reading | None = None  # where the last page has the token
    start: Annotated[str | int | float | None, BeforeValidator(_plain)] = None  # where the first run begins
    form: Form = "rfc3339"  # in which requests send the value
    lag: Length = Decimal(0)  # a run leaves items younger than this to the next run
    overlap: Length = Decimal(0)  # how far before its watermark a run begins, to read items again
    window: Length | None = None  # the longest range of one request; each window has its own pages

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        needed = {"value": ("key", "start"), "clock": ("start",), "token": ("read",)}[self.carry]
        useless = {"value": ("read",), "clock": ("read",)}.get(
            self.carry, ("key", "key_form", "start", "form", "lag", "overlap", "window")
        )
        for field in needed:
            if field not in self.model_fields_set:
                raise not_allowed("missing", f"{', '.join(needed)} with carry = {self.carry!r}", field)
        for field in useless:
            if field in self.model_fields_set:
                raise not_allowed(f"of no use with carry = {self.carry!r}", "to leave it out", field)
        if self.key_form is not None and self.key is None:
            raise not_allowed("of no use without key", "key, the path of the value in an item", "key_form")
        for field in ("lag", "window"):
            if self.form == "number" and field in self.model_fields_set:
                raise not_allowed("of no use with form = 'number'", "only with times", field)
        if self.form == "number" and self.carry == "clock":
            raise not_allowed("a clock gives a time", "the form of a time", "form")
        if "number" in (self.form, self.key_form or self.form) and self.form != (self.key_form or self.form):
            raise not_allowed("a number is no time", "two forms of a time, or no key_form", "key_form")
        if self.window is not None and self.window < 1:
            raise not_allowed("too short", "one second or more", "window")
        if self.start is not None:
            self._mark(self.start, "start")
        return self

    @property
    def orders(self) -> bool:
        """Return whether a run reads a range of times or numbers; False if it reads what is new since a token."""
        return self.carry != "token"

    @property
    def kind(self) -> str:
        """Return what the watermark is: a token, a number or a time."""
        return "token" if not self.orders else "number" if self.form == "number" else "time"

    @property
    def has_until(self) -> bool:
        """Return whether the range of a run has an end."""
        return self.orders and self.form != "number"

    @property
    def first(self) -> Decimal:
        """Return the mark at which the first run begins."""
        return self._mark(self.start, "start")

    def mark_of(self, item: Any) -> Decimal:
        """Return the mark of an item, by its `key`. Raise WrongItem if the item has none."""
        path = self.key or ()
        value = at(item, path)
        problem = _without(item) if value is ABSENT else ""
        if not problem:
            try:
                return forms.parse(value, self.key_form or self.form)
            except (ValueError, OverflowError) as error:
                problem = f"{error}. If items have another form, set incremental.key_form"
        form = self.key_form or self.form
        kind = "number" if form == "number" else f"time (form {form})"
        raise WrongItem(
            f"an item has no {kind} at {shown(path)!r} (incremental.key): {problem}. Each item "
            "needs one, because Sluice decides by it which run takes the item"
        )

    def floor(self, mark: Decimal) -> Decimal:
        """Return a mark rounded down to the form of a request."""
        return forms.floor(mark, self.form)

    def again_from(self, mark: Decimal) -> Decimal:
        """Return where a run with the watermark `mark` begins: at the mark minus the overlap, rounded down."""
        begins = forms.EXACT.subtract(mark, self.overlap)
        return self.floor(begins if self.form == "number" else max(begins, forms.EARLIEST))

    def mark(self, text: str) -> Decimal:
        """Return the mark in a text of `Reads` or of a watermark."""
        return forms.from_canonical(text, self.form)

    def text(self, mark: Decimal) -> str:
        """Return a mark as the text of `Reads` and of a watermark."""
        return forms.canonical(mark, self.form)

    def given(self, value: Any) -> str:
        """Return as text a mark that a person gives, in RFC 3339 or in the form of the source. Raise ValueError."""
        try:
            return self.text(forms.parse(value, forms.canonical_form(self.form)))
        except (ValueError, OverflowError):
            return self.text(forms.parse(value, self.form))

    def windows(self, reads: Reads) -> int:
        """Return how many windows the range of a run has."""
        if self.window is None or reads.since is None or reads.until is None:
            return 1
        return max(1, ceil((self.mark(reads.until) - self.mark(reads.since)) / self.window))

    def in_window(self, reads: Reads, index: int) -> tuple[str | None, str | None]:
        """Return the beginning and the end of one window."""
        count = self.windows(reads)
        if count == 1 or self.window is None or reads.since is None:
            return reads.since, reads.until
        begins = self.mark(reads.since) + index * self.window
        until = reads.until if index + 1 == count else self.text(begins + self.window)
        return self.text(begins), until

    def _mark(self, value: Any, field: str) -> Decimal:
        try:
            return self.mark(self.given(value))
        except (ValueError, OverflowError) as error:
            example = EXAMPLES[self.form]
            raise not_allowed(f"{error}", f"such as {example}, with form = {self.form!r}", field) from None
