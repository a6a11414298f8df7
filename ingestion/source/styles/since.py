"""Ranges of times or numbers: each request asks for `updated_at >= t`, and `t` is the highest value of the page before.

Items that share the value at the border would be lost or come twice. So each request reaches back by `overlap`, and the
items that came before are dropped, by fingerprints in the cursor.
"""

import hashlib
import json
from datetime import UTC, datetime
from itertools import pairwise
from math import inf
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from ingestion.errors import SourceRefused
from ingestion.source.page import Page, PageRequest
from ingestion.source.reading.number import value_at
from ingestion.source.reading.path import Path, shown
from ingestion.source.reading.place import Sending, sending
from ingestion.source.styles.end import End, Reached
from ingestion.source.styles.style import Style
from ingestion.validation import not_allowed

_NUMBER: TypeAdapter[int | float] = TypeAdapter(int | Annotated[float, Field(allow_inf_nan=False)])


class SinceStyle(Style):
    """Its cursor has four keys: `since`, `held`, `size` and `again`.

    `since` is a number, seconds for a time. `held` has the fingerprints of the items from `since` on. `size` is that of
    the largest page. `again` says whether a held item has ever come again, as it must if the source includes the items
    at `since` itself.
    """

    needs_items: ClassVar[bool] = True
    ends_empty: ClassVar[bool] = True

    style: Literal["since"] = "since"
    key: Path = ("updated_at",)  # of an item
    send: Sending = sending("since")
    start: str | int | float = 0
    form: Literal["number", "iso"] = "iso"  # of the key and of what is sent
    overlap: Annotated[int | float, Field(ge=0)] = 0  # in seconds, or a number if form is number

    @model_validator(mode="after")
    def _readable(self) -> Self:
        try:
            self.first()
        except (ValueError, OverflowError, OSError):
            example = "2024-01-31T00:00:00Z" if self.form == "iso" else "1000"
            raise not_allowed("not a start", f"{example}, with form = {self.form!r}", "start") from None
        return self

    def first(self) -> Any:
        return {"since": self._number(self.start), "held": [], "size": 0, "again": False}

    def sent(self, base: PageRequest, cursor: Any) -> PageRequest:
        return self.send.into(base, self._text(cursor["since"]))

    def fresh(self, page: Page, cursor: Any) -> list[Any]:
        held = set(cursor["held"])
        return [item for item in page.items if fingerprint(item) not in held] if held else page.items

    def following(self, page: Page, cursor: Any, reached: Reached) -> Any | End:
        """Return the cursor after `page`, or the end. Raise SourceRefused at the end if no item ever came again."""
        held = set(cursor["held"])
        again = cursor.get("again", True) or (bool(held) and any(fingerprint(item) in held for item in page.items))
        following = super().following(page, cursor, reached)
        if not isinstance(following, End):
            return following | {"again": again}
        if held and not again and not self.end.empty:
            raise SourceRefused(
                f"no item came again, so the source gives only items after {str(self.send)!r}: if items share "
                f"{shown(self.key)!r} at the end of a page, those on the next page are lost. Set overlap; or, if no "
                "two items share it, end.empty = true"
            )
        return following

    def next(self, page: Page, cursor: Any) -> Any | End:
        """Return the cursor at the highest value minus the overlap; at the value itself if a full page would repeat.

        Raise SourceRefused if a full page does not get past the requested value: the rest cannot be reached.
        """
        keys = [self._key(item) for item in page.items]
        for one, other in pairwise(keys):
            if other < one:
                raise SourceRefused(
                    f"the items of a page are not sorted by {shown(self.key)!r}: {self._text(one)} comes before "
                    f"{self._text(other)}. Request ascending order in query; else items are lost"
                )
        since = max([cursor["since"], *(key - self.overlap for key in keys)])
        size = max(cursor["size"], page.count)
        may_be_all = page.count == 1 or self.end.one_page
        full = page.count >= ((self.limit or inf) if may_be_all else min(self.limit or size, size))
        if since == cursor["since"] and full:
            since = max([since, *keys])
        if since > cursor["since"]:
            held = [fingerprint(item) for item, key in zip(page.items, keys, strict=True) if key >= since]
            return {"since": since, "held": held, "size": size}
        if full and page.count:
            raise SourceRefused(
                f"a full page of {page.count} does not get past {shown(self.key)} = {self._text(since)}: more items "
                "may share that value than a page holds; raise limit, or, if these are all, set end.one_page = true"
            )
        return End(f"nothing beyond the latest {shown(self.key)}")

    def _key(self, item: Any) -> int | float:
        value = value_at(item, self.key)
        try:
            return self._number(value)
        except (ValueError, OverflowError, OSError):
            kind = "time" if self.form == "iso" else "number"
            raise SourceRefused(
                f"an item has no {kind} at {shown(self.key)!r} (pagination.key); check key and form of pagination"
            ) from None

    def _number(self, value: Any) -> int | float:
        if self.form == "iso" and isinstance(value, str):
            moment = datetime.fromisoformat(value)
            value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        if isinstance(value, bool):
            raise ValueError(value)
        number = _NUMBER.validate_python(value)
        if self.form == "iso":
            datetime.fromtimestamp(number, UTC)  # raises if the number is no time
        float(number)  # raises if the number is too large to subtract the overlap
        return number

    def _text(self, number: float) -> str:
        if self.form == "iso":
            return datetime.fromtimestamp(number, UTC).isoformat().replace("+00:00", "Z")
        return str(int(number)) if number == int(number) else repr(number)


def fingerprint(item: Any) -> str:
    """Return the fingerprint of an item: sixteen characters."""
    text = json.dumps(item, sort_keys=True, default=lambda digits: [repr(digits)])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
