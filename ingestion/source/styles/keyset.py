"""Keyset by the last id: the next page is what follows the last item of this one. It survives inserts and deletes."""

import re
from typing import Any, Literal

from ingestion.errors import SourceRefused
from ingestion.source.page import Page
from ingestion.source.reading.path import ABSENT, Path, at, shown
from ingestion.source.reading.place import Sending, sending
from ingestion.source.styles.end import End
from ingestion.source.styles.style import ValueStyle

_WHOLE = re.compile("[0-9]{1,100}")


class KeysetStyle(ValueStyle):
    """Its cursor is the key of the last item, null before the first page."""

    style: Literal["keyset"] = "keyset"
    key: Path = ("id",)  # of an item
    send: Sending = sending("after")
    start: str | int | None = None
    order: Literal["ascending", "descending", "any"] = "any"  # of the keys; a declared one is checked

    def next(self, page: Page, cursor: Any) -> Any | End:
        """Return the key of the last item. Raise SourceRefused if it has none, or not in the declared order."""
        if not page.count:
            raise self._stuck()
        key = at(page.last, self.key)
        if key is ABSENT or not isinstance(key, str | int | float):
            raise SourceRefused(f"the last item of a page has no usable key at {shown(self.key)!r}")
        self._check_order(cursor, key, f"a page that follows {cursor!r} ends with {key!r}")
        if page.count > 1:
            first = at(page.first, self.key)
            self._check_order(first, key, f"a page begins with {first!r} and ends with {key!r}")
        return key

    def _check_order(self, one: Any, other: Any, found: str) -> None:
        if self.order == "any" or one in (None, ABSENT):
            return
        if not (precedes(one, other) if self.order == "ascending" else precedes(other, one)):
            raise SourceRefused(
                f"the keys are said to be {self.order}, but {found}; check send, key and the sorting that the query "
                "asks for"
            )


def precedes(one: Any, other: Any) -> bool:
    """Return whether `one` comes before `other`: as numbers where both are, also as text, and otherwise as text."""
    numbers = [int(each) if isinstance(each, str) and _WHOLE.fullmatch(each) else each for each in (one, other)]
    if all(isinstance(each, int | float) for each in numbers):
        return bool(numbers[0] < numbers[1])
    return str(one) < str(other)
