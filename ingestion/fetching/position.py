"""The position of a run in its source: one JSON value, which each batch passes to the next.

It has the cursor of the pagination style, and what the guards of `ingestion.fetching.advance` must remember.
"""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, NamedTuple

from ingestion.source.description import Source
from ingestion.source.page import PageRequest
from ingestion.wire import JsonObject


class Before(NamedTuple):
    """The counts of the windows before the present one."""

    items: int = 0
    known: int = 0
    outside: int = 0


class Held(NamedTuple):
    """A blob with digests that the next run has to know, and the highest mark of their items (None: no marks)."""

    name: str
    high: str | None
    digests: int  # how many


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place between two pages.

    When a cursor expires, `pages` starts again at 0; so does `items` if the source is then read from its start.
    """

    cursor: Any  # of the page to request, as the pagination style defines it
    pages: int = 0
    items: int = 0  # without the repeats that are dropped
    largest_page: int = 0
    total: int | None = None  # of the whole source: the largest that a page gave
    least_total: int | None = None  # the smallest that a page gave
    earlier_pages: int = 0  # pages before the last restart, and those of earlier windows
    columns: str = ""  # of a CSV source: the fingerprint of its header
    last_key: Any = None  # of the last item; the run resumes there if its cursor expires
    since: Any = None  # the key from which the source was resumed
    restarts: int = 0
    fresh: int = 0  # messages since the last restart
    known_batches: int = 0  # the batches before this number hold the messages that a restart must skip
    digests: tuple[str, ...] = ()  # names of blobs with the digests of the messages, for a source of unique items
    digested: int = 0  # how many digests are in these blobs; TOO_MANY: doubles are no longer counted
    ended: str | None = None  # how the source has ended, when only its doubles remain to be counted
    windows: int = 1  # how many windows the range of the run has
    window: int = 0  # the number of the present window, to which `pages`, `items` and totals belong
    before: Before = field(default_factory=Before)
    high: str | None = None  # the highest mark of the items that the run takes
    known: int = 0  # items that the run before held
    outside: int = 0  # items outside of the range of the run
    held: tuple[Held, ...] = ()  # blobs with digests that the next run has to know
    pending_high: str | None = None  # the highest mark of the items whose digests are in no blob yet
    holds_too_many: bool = False
    token: str | None = None  # from the last page

    def to_json(self) -> JsonObject:
        """Return the fields that do not have their default values."""
        default = Position(cursor=None)
        return {name: value for name, value in asdict(self).items() if value != getattr(default, name)}


def from_json(value: JsonObject) -> Position:
    """Return the position that `to_json` encoded; ignore unknown keys, which newer code wrote."""
    names = {field.name for field in fields(Position)}
    known = {"cursor": None, **{name: given for name, given in value.items() if name in names}}
    known["before"] = Before(*known.get("before", ()))
    known["held"] = tuple(Held(*each) for each in known.get("held", ()))
    return Position(**known)


def request_at(source: Source, position: Position) -> PageRequest:
    """Return the request for the page at a position."""
    base = source.base_request()
    if position.since is not None and source.expiry.send is not None:
        base = source.expiry.send.into(base, position.since)
    return source.pagination.request(base, position.cursor)
