"""One generation of a run: steps 2, 4 and 6 on the way of an id. The decisions are in `ingestion.run.run_state`."""

from collections.abc import Generator, Sequence
from typing import Any

import azure.durable_functions as df

from activities.enqueue_chunk import enqueue_chunk
from activities.fetch_batch import fetch_batch
from activities.load_failed import load_failed
from activities.record_failed import record_failed
from activities.record_window import record_window
from ingestion.contracts import FailedChunks, FailedPage, FetchOutcome, Receipt, Recorded, RunState, SettledChunks
from ingestion.run import run_report, run_state
from ingestion.run.run_state import Step, Supply
from ingestion.wire import from_wire, to_wire
from orchestrators.drain import RETRY, drain, failure_text
from orchestrators.ending import end
from orchestrators.waiting import wait_for_command, wait_for_source

blueprint = df.Blueprint()


@blueprint.orchestration_trigger(context_name="context")
def ingest_run(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict[str, Any] | None]:
    """Move one window of a source to the queue, then continue as a new generation until the run has ended.

    a. Enqueue the chunks of the window, record the state, and load the next chunks, all at the same time.
    b. Wait for all of them, and count what each reports.
    c. List the failed chunks in the ledger.
    d. Return the report if the run has ended; else wait for the source or a command if necessary, and continue as new.
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
            yield from wait_for_command(context, state)
    context.continue_as_new(to_wire(state))
    return None


def _window(context: df.DurableOrchestrationContext, state: RunState) -> Generator[Any, Any, RunState]:
    """Do steps a to c and return the new state."""
    supply, requests = run_state.next_supply(state, context.current_utc_datetime), run_state.window_requests(state)
    # The fetch comes first: the host starts activities in order, so behind the chunks it would start when they end.
    bringing = [] if supply is None else [_bring(context, state, supply)]
    recording = context.call_activity_with_retry(record_window, RETRY, to_wire(state))
    sending = [context.call_activity_with_retry(enqueue_chunk, RETRY, to_wire(request)) for request in requests]
    outcomes = yield from drain(context, [*bringing, recording, *sending])
    *brought_by, recorded_by = outcomes[: len(bringing) + 1]
    sent_by = outcomes[len(bringing) + 1 :]

    receipts = [
        run_state.no_receipt(request.chunk, failure_text(outcome))
        if isinstance(outcome, Exception)
        else from_wire(Receipt, outcome)
        for request, outcome in zip(requests, sent_by, strict=True)
    ]
    recorded = _record_of(Recorded, recorded_by)
    if recorded.error is not None:
        return run_state.unrecorded(state, recorded.error)
    brought = None if supply is None else _record_of(BROUGHT[supply], brought_by[0])
    try:
        receipts = yield from _with_failures(context, state, receipts)
    except Unlisted as error:
        return run_state.unrecorded(state, str(error))
    return run_state.with_window(state, receipts, recorded.command, brought, context.current_utc_datetime)


class Unlisted(Exception):
    """The failed chunks could not be listed in the ledger; the text says why."""


def _with_failures(
    context: df.DurableOrchestrationContext, state: RunState, receipts: Sequence[Receipt]
) -> Generator[Any, Any, list[Receipt]]:
    """Do step c: return the receipts, completed from the checkpoints of the failed chunks. Raise Unlisted."""
    listing = [
        FailedChunks(run=state.run, attempt=state.attempt, chunks=chunks, error=reason)
        for reason, chunks in run_state.failures_by_reason(state, receipts).items()
    ]
    if not listing:
        return list(receipts)
    told = yield from drain(
        context, [context.call_activity_with_retry(record_failed, RETRY, to_wire(one)) for one in listing]
    )
    for one in told:
        if isinstance(one, Exception):
            raise Unlisted(failure_text(one))
    return run_state.settled(receipts, [chunk for one in told for chunk in from_wire(SettledChunks, one).chunks])


BROUGHT: dict[Supply, type[Any]] = {Supply.FETCH: FetchOutcome, Supply.REDO: FailedPage}


def _bring(context: df.DurableOrchestrationContext, state: RunState, supply: Supply) -> Any:
    if supply is Supply.REDO:
        return context.call_activity_with_retry(load_failed, RETRY, to_wire(run_state.next_redo(state)))
    return context.call_activity_with_retry(fetch_batch, RETRY, to_wire(run_state.next_fetch(state)))


def _record_of(kind: type[Any], outcome: Any) -> Any:
    """Return the record of an activity, or one of the same kind with the error of a failed activity."""
    return kind(error=failure_text(outcome)) if isinstance(outcome, Exception) else from_wire(kind, outcome)
