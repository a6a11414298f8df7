"""One generation of a run: step 2, 4 and 6 on the way of an id.

Enters: the run's state (`ingestion.contracts.RunState`). Leaves: activity calls, progress, and either the state for
the next generation or the report.
"""

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df

from activities.enqueue_chunk import enqueue_chunk
from activities.fetch_batch import fetch_batch
from ingestion import run_state
from ingestion.contracts import Batch, FetchOutcome, Receipt, RunState, from_wire, to_wire
from ingestion.errors import PermanentError
from orchestrators.drain import drain

blueprint = df.Blueprint()

# For lost workers and timeouts only: what is transient or permanent is dealt with where its cause is known.
RETRY = df.RetryOptions(first_retry_interval_in_milliseconds=15_000, max_number_of_attempts=4)


@blueprint.orchestration_trigger(context_name="context")
def ingest_run(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict[str, Any] | None]:
    """Move one window of a source to the queue, then go on as a new generation until the source has ended.

    1. Fetch a batch, unless the last generation has fetched it already.
    2. Cut it into chunks and enqueue them all, while the next batch is fetched or the wait that the source asked for
       passes.
    3. Wait for all of them, count what each reports, and show the progress.
    4. Continue as new; or, at the end of the source, return the report.
    """
    state = from_wire(RunState, context.get_input())
    context.set_custom_status(run_state.progress(state))
    batch = state.batch
    if batch is None:
        outcomes = yield from drain(context, [_fetch(context, state)])
        batch = _batch(outcomes[0])
        state = run_state.with_batch(state, batch)
        context.set_custom_status(run_state.progress(state))

    chunks = run_state.chunks_of(context.instance_id, state)
    window = [context.call_activity_with_retry(enqueue_chunk, RETRY, to_wire(chunk)) for chunk in chunks]
    # In front, since the host hands activities out in order: a fetch behind the chunks would start when they end.
    beside = _beside(context, state, batch)
    outcomes = yield from drain(context, beside + window)
    receipts = [
        run_state.no_receipt(chunk, str(outcome)) if isinstance(outcome, Exception) else from_wire(Receipt, outcome)
        for chunk, outcome in zip(chunks, outcomes[len(beside) :], strict=True)
    ]
    state = run_state.with_receipts(state, receipts)
    context.set_custom_status(run_state.progress(state))

    if state.source_exhausted:
        now = context.current_utc_datetime
        seconds = (now - datetime.fromisoformat(state.started_at)).total_seconds()
        return run_state.report(state, now.isoformat(), seconds)
    if not batch.wait_seconds:
        state = run_state.with_batch(state, _batch(outcomes[0]))
    context.continue_as_new(to_wire(state))
    return None


def _beside(context: df.DurableOrchestrationContext, state: RunState, batch: Batch) -> list[Any]:
    """What runs beside the chunks: the next fetch, or the wait before it; nothing at the end of the source."""
    if state.source_exhausted:
        return []
    if batch.wait_seconds:
        return [context.create_timer(context.current_utc_datetime + timedelta(seconds=batch.wait_seconds))]
    return [_fetch(context, state)]


def _fetch(context: df.DurableOrchestrationContext, state: RunState) -> Any:
    request = run_state.next_fetch(context.instance_id, state)
    return context.call_activity_with_retry(fetch_batch, RETRY, to_wire(request))


def _batch(outcome: Any) -> Batch:
    """The batch that a fetch brought. Raises PermanentError with the fetch's reason, which ends the run as failed."""
    if isinstance(outcome, Exception):
        raise PermanentError(str(outcome).splitlines()[0])
    fetched = from_wire(FetchOutcome, outcome)
    if fetched.batch is None:
        raise PermanentError(fetched.error or "the source could not be fetched")
    return fetched.batch
