"""Where a run stands in its source: what travels as the cursor from one batch to the next, as one JSON value.

Enters: the cursor of a fetch request. Leaves: the position that the next batch starts from. It holds the style's own
cursor and what the guards have to remember; what is long is in blobs of the spool.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any

from ingestion.source.description import Source
from ingestion.source.page import PageRequest
from ingestion.wire import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place between two pages.

    The count of pages begins anew when a cursor has expired, that of items when the source is then read from its start.
    """

    cursor: Any  # of the page to ask for, in the terms of the pagination style
    pages: int = 0
    items: int = 0
    largest_page: int = 0
    total: int | None = None
    earlier_pages: int = 0  # those before the last restart
    seen: str | None = None  # blob of the fingerprints of all requests
    previous: str | None = None  # blob of the fingerprints of the messages of the page before
    last_key: Any = None  # of the last item, where an expired cursor is to be resumed by key
    first_page: str = ""  # digest of its messages, to find out a source that ignores the key to resume from
    since: Any = None  # the key after which the source was asked anew
    restarts: int = 0
    fresh: int = 0  # messages since the last restart
    known_batches: int = 0  # batches below this one hold what a restart has to skip

    def to_json(self) -> JsonObject:
        """What differs from the start of a source."""
        default = Position(cursor=None)
        return {name: value for name, value in asdict(self).items() if value != getattr(default, name)}


def from_json(value: JsonObject) -> Position:
    """Read what `to_json` made; unknown keys are those of newer code and do not count."""
    names = {field.name for field in fields(Position)}
    return Position(**{"cursor": None, **{name: given for name, given in value.items() if name in names}})


def request_at(source: Source, position: Position) -> PageRequest:
    """The request for the page at a position."""
    base = source.base_request()
    if position.since is not None and source.expiry.send is not None:
        base = source.expiry.send.into(base, position.since)
    return source.pagination.request(base, position.cursor)
