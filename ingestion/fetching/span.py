"""What a run reads of its source, for the fetch loop: how many windows, from which token, to which token."""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from ingestion.concealed import Secrets, add_secrets, is_storable, quoted, sealed, unsealed
from ingestion.errors import SourceRefused
from ingestion.fetching.advance import check_address
from ingestion.reads import Reads
from ingestion.source.auth.kinds import without_key
from ingestion.source.description import Source
from ingestion.source.http.origin import linked
from ingestion.source.page import Page
from ingestion.source.reading.path import ABSENT
from ingestion.source.reading.place import text_of
from ingestion.source.styles.next_url import AddressStyle

LEAST_OF_A_LINK = 12  # characters; a shorter value in the query of a link is no token


def range_of(reads: Reads | None, source: Source, described: Callable[[Reads], Source]) -> tuple[Reads, Source]:
    """Return the range that a run reads, with the secrets filled into its token, and the description with this range.

    `described` returns the description for a range. Raise SourceRefused if the run has no range, because the run
    started before the source became incremental.
    """
    if reads is None:
        raise SourceRefused("when the run started, its description had no table incremental. Start a new run")
    add_secrets(**source.secrets)
    if not has_token(source) or (since := unsealed(reads.since)) == reads.since:
        return reads, source
    reads = replace(reads, since=since)
    return reads, described(reads)


def windows_of(source: Source, reads: Reads | None) -> int:
    """Return how many windows a run reads of its source."""
    return 1 if reads is None or source.incremental is None else source.incremental.windows(reads)


def least_items_of(source: Source, reads: Reads | None) -> int:
    """Return the fewest items that a run must read. Without min_items, a later run or a backfill may read none."""
    is_first = source.incremental is None or reads is None or reads.watermark == 0
    return source.least_items if is_first else source.min_items or 0


def has_token(source: Source) -> bool:
    """Return whether the source carries a token, which no status may show."""
    return source.incremental is not None and not source.incremental.orders


def begins_with_token(source: Source, reads: Reads | None) -> bool:
    """Return whether the run begins with the token of the run before."""
    return has_token(source) and reads is not None and reads.since is not None


def without_token(text: str, source: Source, reads: Reads | None) -> str:
    """Return a text from the source without the token that the run began with."""
    if reads is None or reads.since is None or not has_token(source):
        return text
    hidden = Secrets()
    hidden.add(reads.since)
    if "://" in reads.since:
        for _, value in parse_qsl(urlsplit(reads.since).query):
            if len(value) >= LEAST_OF_A_LINK:
                hidden.add(value)
    return hidden.conceal(text)


def token_of(source: Source, page: Page) -> str | None:
    """Return the token in the last page, without secrets; None if the source carries no token.

    Raise SourceRefused if the page has no token, or if the token is an address to which requests may not go.
    """
    incremental = source.incremental
    if incremental is None or incremental.read is None or incremental.orders:
        return None
    given = incremental.read.value_in(page)
    if given is ABSENT or given == "" or isinstance(given, bool) or not isinstance(given, str | int | float):
        found = "nothing" if given is ABSENT else quoted(repr(given), 40)
        raise SourceRefused(
            f"the last page has {found} at {incremental.read} (incremental.read), where the token for the next run "
            "should be; the watermark was not moved. Check incremental.read and end in the description"
        )
    text = text_of(given)
    if isinstance(source.pagination, AddressStyle) or text.lower().startswith(("http://", "https://")):
        try:
            text = linked(page.url, text)
        except ValueError as error:
            raise SourceRefused(
                f"the token at {incremental.read} is no address ({error}). Check incremental.read in the description"
            ) from None
        check_address(source, text, f"the token at {incremental.read}")
        text = without_key(source.auth, text, is_storable)
    return str(sealed(text))
