"""An expired cursor: how the source says so, and what the run does then.

Cursors of some APIs live for minutes, and a run can wait for hours. So the description says what to do: fail, restart,
or resume by a key.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ingestion.errors import SourceRefused
from ingestion.source.reading.number import value_at
from ingestion.source.reading.path import Path, shown
from ingestion.source.reading.place import Sending
from ingestion.validation import Table, not_allowed


class Expiry(Table):
    """The `expiry` table of a source.

    An answer means an expired cursor if its status is one of `statuses` and, if there are `codes`, one of them is in
    its text. `restart` reads the source again from its start and skips what the run already has; `resume` reads on
    after the last item, whose `key` goes to `send`.
    """

    statuses: tuple[Annotated[int, Field(ge=200, le=499)], ...] = (410,)
    codes: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    then: Literal["fail", "restart", "resume"] = "fail"
    key: Path | None = None  # of an item, for `resume`
    send: Sending | None = None  # where the request has the key

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for field in ("key", "send"):
            if self.then == "resume" and getattr(self, field) is None:
                raise not_allowed("missing", "with then = 'resume', both key (in an item) and send (its place)", field)
        if any(200 <= status < 300 for status in self.statuses) and not self.codes:
            raise not_allowed("missing", "texts that only an answer about an expired cursor has", "codes")
        return self

    def key_of(self, item: Any) -> Any:
        """Return the key of `item`; None unless `then` is "resume". Raise SourceRefused if no usable key is there."""
        if self.then != "resume" or self.key is None:
            return None
        key = value_at(item, self.key)
        if isinstance(key, bool) or not isinstance(key, str | int | float):
            raise SourceRefused(
                f"an item has no usable key at {shown(self.key)!r}, from which the run would resume if its cursor "
                "expired. Check expiry.key in the sources file"
            )
        return key

    def matches(self, status: int, text: str) -> bool:
        """Return whether an answer says that the cursor has expired."""
        return status in self.statuses and (not self.codes or any(code in text for code in self.codes))
