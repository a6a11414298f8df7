"""One generation of a run: step 2, 4 and 6 on the way of an id.

Enters: the run's state (`ingestion.contracts.RunState`). Leaves: activity calls, progress, and either the state for
the next generation or the report. What follows from what is decided in `ingestion.run.run_state`.
"""

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from activities.enqueue_chunk import enqueue_chunk
from activities.fetch_batch import fetch_batch
from activities.load_failed import load_failed
from activities.record_failed import record_failed
from activities.record_window import record_window
from ingestion.contracts import FailedPage, FetchOutcome, Receipt, Recorded, RecordRequest, RunState, Settled
from ingestion.run import run_report, run_state, window
from ingestion.run.run_state import Source, Step
from ingestion.wire import from_wire, to_wire
from orchestrators.drain import RETRY, drain, failure_text
from orchestrators.ending import end
from orchestrators.waiting import wait_for_source, wait_for_wish

blueprint = df.Blueprint()


@blueprint.orchestration_trigger(context_name="context")
def ingest_run(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict[str, Any] | None]:
    """Move one window of a source to the queue, then go on as a new generation until the run has ended.

    1. Enqueue the chunks of the waiting batch, record the state, and bring the next batch, all at the same time.
    2. Wait for all of them, and count what each reports.
    3. Tell the ledger of chunks that failed.
    4. Return the report if that was the end; else wait if the source or a person wants that, and continue as new.
    """
    state = run_state.load(context.get_input())
    context.set_custom_status(run_report.progress(state))
    state = yield from _window(context, state)
    match run_state.next_step(state, context.current_utc_datetime):
        case Step.END:
            return (yield from end(context, state))
        case Step.WAIT:
            yield from wait_for_source(context, state)
        case Step.HOLD:
            yield from wait_for_wish(context, state)
    context.continue_as_new(to_wire(state))
    return None


def _window(context: df.DurableOrchestrationContext, state: RunState) -> Generator[Any, Any, RunState]:
    """Step 1 to 3."""
    run_id, chunks = context.instance_id, window.chunks_of(context.instance_id, state)
    source = run_state.next_source(state, context.current_utc_datetime)
    record = to_wire(RecordRequest(run_id=run_id, state=state))
    # In front, since the host hands activities out in order: a fetch behind the chunks would start when they end.
    beside = [] if source is None else [_bring(context, state, source)]
    beside.append(context.call_activity_with_retry(record_window, RETRY, record))
    sent = [context.call_activity_with_retry(enqueue_chunk, RETRY, to_wire(chunk)) for chunk in chunks]
    outcomes = yield from drain(context, [*beside, *sent])

    receipts = [
        window.no_receipt(chunk, failure_text(outcome))
        if isinstance(outcome, Exception)
        else from_wire(Receipt, outcome)
        for chunk, outcome in zip(chunks, outcomes[len(beside) :], strict=True)
    ]
    recorded = _record_of(Recorded, outcomes[len(beside) - 1])
    if recorded.error is not None:
        return run_state.unrecorded(state, recorded.error)
    brought = None if source is None else _record_of(BROUGHT[source], outcomes[0])
    failed = window.failed_chunks(run_id, state, receipts)
    if failed is not None:
        told = yield from drain(context, [context.call_activity_with_retry(record_failed, RETRY, to_wire(failed))])
        if isinstance(told[0], Exception):
            return run_state.unrecorded(state, failure_text(told[0]))
        receipts = window.settled(receipts, from_wire(Settled, told[0] or {}))
    return run_state.with_window(state, receipts, recorded.wish, brought, context.current_utc_datetime)


BROUGHT: dict[Source, type[Any]] = {Source.FETCH: FetchOutcome, Source.REDO: FailedPage}


def _bring(context: df.DurableOrchestrationContext, state: RunState, source: Source) -> Any:
    if source is Source.REDO:
        request = to_wire(run_state.next_redo(context.instance_id, state))
        return context.call_activity_with_retry(load_failed, RETRY, request)
    request = to_wire(run_state.next_fetch(context.instance_id, state))
    return context.call_activity_with_retry(fetch_batch, RETRY, request)


def _record_of(kind: type[Any], outcome: Any) -> Any:
    """What an activity gave, or a record of its kind that says why it gave nothing."""
    return kind(error=failure_text(outcome)) if isinstance(outcome, Exception) else from_wire(kind, outcome)
