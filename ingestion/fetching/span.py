"""What of its source a run reads, as the fetch loop has to know it: in how many windows, from which token, to which."""

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

LEAST_OF_A_LINK = 12  # characters of a value in it that may be a token


def range_of(reads: Reads | None, source: Source, described: Callable[[Reads], Source]) -> tuple[Reads, Source]:
    """Return the range that a run reads, with the secrets in its token, and the description that sends it.

    `described` returns the description for a range. Raise SourceRefused if the run has none: it was started when the
    source was read whole.
    """
    if reads is None:
        raise SourceRefused("the run was started before the description had incremental. Start a new run")
    add_secrets(**source.secrets)
    if not has_token(source) or (since := unsealed(reads.since)) == reads.since:
        return reads, source
    reads = replace(reads, since=since)
    return reads, described(reads)


def windows_of(source: Source, reads: Reads | None) -> int:
    """Return in how many windows a run reads its source."""
    return 1 if reads is None or source.incremental is None else source.incremental.windows(reads)


def least_items_of(source: Source, reads: Reads | None) -> int:
    """Return the fewest items that are no mistake: since the run before there may be none, unless min_items is set."""
    is_first = source.incremental is None or reads is None or reads.watermark == 0
    return source.least_items if is_first else source.min_items or 0


def has_token(source: Source) -> bool:
    """Return whether the source carries a token, which no status may show."""
    return source.incremental is not None and not source.incremental.orders


def begins_with_token(source: Source, reads: Reads | None) -> bool:
    """Return whether the run goes on from the token of the run before."""
    return has_token(source) and reads is not None and reads.since is not None


def without_token(text: str, source: Source, reads: Reads | None) -> str:
    """Return what the source has said, without the token that the run began with."""
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
    """Return the token in the last page, without secrets; None for a source that carries none.

    Raise SourceRefused if it is not there, or is an address where requests may not go.
    """
    incremental = source.incremental
    if incremental is None or incremental.read is None or incremental.orders:
        return None
    given = incremental.read.of(page)
    if given is ABSENT or given == "" or isinstance(given, bool) or not isinstance(given, str | int | float):
        found = "nothing" if given is ABSENT else quoted(repr(given), 40)
        raise SourceRefused(
            f"the last page has {found} at {incremental.read} (incremental.read), where the token of the next run "
            "should be; the watermark stays. Check incremental.read, and what ends the source"
        )
    text = text_of(given)
    if isinstance(source.pagination, AddressStyle) or text.lower().startswith(("http://", "https://")):
        try:
            text = linked(page.url, text)
        except ValueError as error:
            raise SourceRefused(f"the token at {incremental.read} is no address ({error})") from None
        check_address(source, text, f"the token at {incremental.read}")
        text = without_key(source.auth, text, is_storable)
    return str(sealed(text))
