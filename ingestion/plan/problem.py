"""The problems that a run would meet: why it cannot work or would lose messages, and which key or setting to change."""

from collections.abc import Iterator
from typing import NamedTuple

from ingestion.capacity.speed import SPEED
from ingestion.concealed import quoted_names
from ingestion.errors import SourceUnreachable
from ingestion.plan.sample import Sample
from ingestion.reads import Reads
from ingestion.settings import Settings
from ingestion.source.http.outage import NoPage
from ingestion.source.reading.path import shown
from ingestion.source_wait import OUTAGE

# Maps a phrase in the text of a failure to the key to change. The first entry whose phrase occurs in the text counts.
KEY_BY_PHRASE = {
    " where end.": "pagination",
    "has no number at total = ": "total",
    "token_url": "auth",
    "gave no token": "auth",
    "token of the run before": "incremental",
    "incremental.": "incremental",
    "min_items": "min_items",
    "says that it has": "total",
    "(message = ": "message",
    "limits.": "limits",
    "max_pages": "max_pages",
    "add its origin to hosts": "hosts",
    "add it to hosts": "hosts",
}
SETTING_BY_REASON = {  # maps the beginning of a reject's reason to the app setting to change
    "too_large": "SLUICE_MESSAGE_ENCODING",
    "not_xml": "SLUICE_MESSAGE_ENCODING",
}


class Problem(NamedTuple):
    """One problem: the app setting or the key of the source's description to change, and what is wrong."""

    field: str
    message: str


def problems_of(sample: Sample, settings: Settings, reads: Reads | None, where: str) -> list[Problem]:
    """Return the problems that a run would meet; `where` names the table of the source, such as "sources.toml: shop".

    `settings` are the app's, with the source's own `messages` keys applied.
    """
    found = [
        *_failed(sample),
        *_waits(sample),
        *_no_items(sample, reads),
        *_total(sample),
        *_rejected(sample, settings),
    ]
    of_source = [
        Problem(f"{where}.{field}" if not field.startswith("SLUICE_") else field, text) for field, text in found
    ]
    return [*of_source, *_too_fast(settings)]


def _failed(sample: Sample) -> Iterator[Problem]:
    failure, source = sample.failure, sample.source
    if failure is None:
        return
    text = str(failure)
    named = next((key for phrase, key in KEY_BY_PHRASE.items() if phrase in text), None)
    if sample.status in (401, 403):
        field = "auth"
    elif named is not None:
        field = named
    elif isinstance(failure, NoPage):
        field = "items" if source.format == "json" else "format"
    elif isinstance(failure, SourceUnreachable) or (sample.status or 200) >= 300:
        field = "url"
    else:
        field = "pagination" if sample.status is not None else "url"
    yield Problem(field, text)


def _waits(sample: Sample) -> Iterator[Problem]:
    wait, page = sample.wait, len(sample.counts) + 1
    if wait is not None and (page == 1 or wait.waiting_for == OUTAGE):
        yield Problem(
            "url", f"page {page} did not come: {wait.reason}. A run would wait {wait.seconds:,.0f} s and try again"
        )


def _no_items(sample: Sample, reads: Reads | None) -> Iterator[Problem]:
    # A backfill, or a run after the first one, may find no item.
    may_be_empty = reads is not None and (reads.backfill or bool(reads.watermark))
    if sample.failure is None and sample.counts[:1] == [0] and not may_be_empty:
        place = shown(sample.source.items)
        keys = quoted_names(sample.keys)
        text = f"the first page has no item at {place!r}; its keys: {keys}. A run would send nothing"
        yield Problem("items", text if sample.ended else f"{text} from this page")


def _total(sample: Sample) -> Iterator[Problem]:
    if sample.source.total is not None and sample.total is None and any(sample.counts) and sample.windows == 1:
        keys = quoted_names(sample.keys)
        text = f"no page that was read has a number at {sample.source.total}; the keys of the first page: {keys}. "
        text += "Unless a later page has one, a run cannot check its number of items. "
        text += "Correct the key total, or remove it"
        yield Problem("total", text)
    if sample.total is not None and sample.counts and sample.total < sum(sample.counts):
        at = str(sample.source.total)
        text = f"{sum(sample.counts)} items came, but the total at {at} is {sample.total}; check the key total"
        yield Problem("total", text)


def _rejected(sample: Sample, settings: Settings) -> Iterator[Problem]:
    own = sample.source.messages
    by_field: dict[str, list[tuple[str, int]]] = {}
    for chunk in sample.chunks:
        for reason, count in chunk.rejected.items():
            kind = reason.partition(":")[0]
            field = SETTING_BY_REASON.get(kind, "message")
            if kind == "too_large" and settings.message_format == "packed":
                field = "SLUICE_PACK_BYTES"
            elif field != "message" and own.encoding is not None:
                field = "messages.encoding"
            by_field.setdefault(field, []).append((reason, count))
    for field, reasons in by_field.items():
        count = sum(count for _, count in reasons)
        yield Problem(field, f"a run would reject {count} of the {sample.messages} messages; {reasons[0][0]}")


def _too_fast(settings: Settings) -> Iterator[Problem]:
    most = SPEED.queue_per_second * len(settings.shards)
    if settings.max_messages_per_second > most:
        text = (
            f"{settings.max_messages_per_second:,.0f} messages a second are more than {len(settings.shards)} "
            f"{'queue takes' if len(settings.shards) == 1 else 'queues take'} ({most:,.0f} by Azure's documentation); "
            "lower it, or add queues"
        )
        yield Problem("SLUICE_MAX_MESSAGES_PER_SECOND", text)
