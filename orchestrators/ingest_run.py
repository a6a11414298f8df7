"""One generation of a run (steps 2, 4 and 6 in docs/design.md). The decisions are in `ingestion.run.run_state`."""

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from ingestion.contracts import RunState
from ingestion.run import run_report, run_state
from ingestion.run.run_state import Outcomes, Step
from ingestion.wire import to_wire
from orchestrators.calls import together
from orchestrators.ending import end
from orchestrators.waiting import wait_for_command, wait_for_source

blueprint = df.Blueprint()


@blueprint.orchestration_trigger(context_name="context")
def ingest_run(context: df.DurableOrchestrationContext) -> Generator[Any, Any, dict[str, Any] | None]:
    """Move one window of the run to the queue, then continue as a new generation until the run has ended.

    a. Enqueue the chunks of the window, record the state, and load the next chunks, all at the same time.
    b. Wait for all of them, and list the failed chunks in the ledger.
    c. Add up the receipts of the chunks.
    d. Return the report if the run has ended, or fail with the reason; else wait for the source or a command if
       necessary, and continue as new.
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
    window = run_state.next_window(state, context.current_utc_datetime)
    # The fetch comes first: the host starts activities in order, so a fetch after the chunks would wait for their end.
    supplied, recorded, *receipts = yield from together(context, [window.supply, state, *window.chunks])
    outcomes = Outcomes(supplied, recorded, receipts)
    listed = yield from together(context, run_state.failures_to_list(state, window, outcomes))
    return run_state.with_window(state, window, outcomes, listed, context.current_utc_datetime)
