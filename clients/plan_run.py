"""POST /api/plan: what a run would do. It takes the body of POST /api/runs.

The plan reads the source from where the next run would begin, but at most two pages. It writes no blob, puts no message
on a queue, creates no queue and moves no watermark.
"""

import base64
import os

import azure.durable_functions as df
import azure.functions as func

from clients.answer import answer, answered
from clients.start_request import StartRequest, read_start
from clients.starting import reads_of_start
from ingestion import clock
from ingestion.concealed import conceal
from ingestion.deadline import HTTP_SECONDS
from ingestion.fetching.span import has_token, range_of
from ingestion.open_storage import open_storage
from ingestion.plan.draft import SHOWN_MESSAGES, Sent
from ingestion.plan.expectation import expected
from ingestion.plan.problem import problems_of
from ingestion.plan.sample import NotingClient, Sample, read_sample
from ingestion.plan.words import end_of, next_page
from ingestion.reads import Reads
from ingestion.run.pinned import pinned_now
from ingestion.settings import Settings, load_settings
from ingestion.source.description import Source, load_source
from ingestion.wire import JsonObject

blueprint = df.Blueprint()

SECONDS = 0.8 * HTTP_SECONDS  # for both pages; the rest is for the answer
SHOWN_CHARACTERS = 1_000  # of a message


@blueprint.route(route="plan", methods=["POST"])
async def plan_run(req: func.HttpRequest) -> func.HttpResponse:
    """Return what a run would do: its first messages, its cost, and the problems that it would meet.

    The answer is 400, 404 or 409 as for a start, with the field and what is allowed; without storage it is 503.
    """
    return await answered(req, "plan a run", _planned(req))


async def _planned(req: func.HttpRequest) -> func.HttpResponse:
    _, asked = read_start(req)
    settings = load_settings()
    source = load_source(settings.sources, asked.source, os.environ)
    storage, pinned = open_storage(settings), pinned_now(settings, asked.source)
    storage.queues.shards(pinned.settings)  # raises if the settings name a queue that the app cannot reach
    reads = await reads_of_start(asked, settings, storage.container, clock.now(), pinned.fields)

    def described(given: Reads | None, window: int = 0) -> Source:
        return load_source(settings.sources, asked.source, os.environ, given, window)

    if reads is not None:
        source = described(reads)
        if source.incremental is not None:
            reads, source = range_of(reads, source, described)
    chunk_size = asked.chunk_size or settings.chunk_size
    sample = await read_sample(
        asked.source,
        source,
        NotingClient(source, storage.http, patience_seconds=settings.source_patience_seconds),
        storage.container,
        pinned.settings,
        chunk_size,
        reads=reads,
        described=lambda window: described(reads, window),
        seconds=SECONDS,
    )
    return answer(_shown(asked, sample, pinned.settings, chunk_size, reads, settings.sources.name))


def _shown(
    asked: StartRequest, sample: Sample, sent_with: Settings, chunk_size: int, reads: Reads | None, file: str
) -> JsonObject:
    following, source = sample.following, sample.source
    hidden = has_token(source)  # the next request may contain the token, which must not be shown
    leads_to = None if following is None else conceal(next_page(sample.began, following, hidden=hidden))
    expect = expected(sample, sent_with, chunk_size)
    first = [one for chunk in sample.chunks for one in chunk.first][:SHOWN_MESSAGES]
    problems = problems_of(sample, sent_with, reads, f"{file}: {asked.source}")
    return {
        "source": asked.source,
        "items": [_message(one, sent_with) for one in first],
        "pages_read": len(sample.counts),
        "page_items": sample.counts[0] if sample.counts else None,
        "next": leads_to,
        "total": sample.total,
        "end": conceal(
            end_of(source)
            if sample.ended is None
            else f"{sample.ended}: the source ended within the pages that were read"
        ),
        "expect": {
            **expect._asdict(),
            "transactions": None if expect.transactions is None else expect.transactions.as_json(),
            "money": None if expect.money is None else expect.money.as_json(),
            "rests_on": conceal(expect.rests_on),
        },
        "problems": [{"field": one.field, "message": conceal(one.message)} for one in problems],
    }


def _message(one: Sent, settings: Settings) -> JsonObject:
    """Return a message as a run would send it, with stars in place of secrets."""
    text = conceal(one.text)
    sent = base64.b64encode(text.encode()).decode() if settings.message_encoding == "base64" else text
    return {
        "key": one.key,
        "text": text[:SHOWN_CHARACTERS],
        "sent": sent[:SHOWN_CHARACTERS],
        "bytes": one.bytes,
        "messages": one.messages,
    }
