"""Begin an attempt of a run: the start, a redrive or a recovery. The caller holds the lock of the run.

A crash may come after any step. The run enters the index of open runs before its instance starts, so that the keeper
finds it. A new attempt records its state even earlier: an older attempt that ends late then finds a newer state.
"""

import azure.durable_functions as df

from clients.instance import start_instance, task_hub_of
from ingestion import clock
from ingestion.contracts import RunState
from ingestion.errors import RunLocked
from ingestion.run import open_runs, run_index, timeline
from ingestion.run.failed import write_redo_list
from ingestion.run.ledger import Ledger
from ingestion.wire import JsonObject


async def begin(
    client: df.DurableOrchestrationClient, ledger: Ledger, state: RunState, *, event: JsonObject | None = None
) -> None:
    """Enter the run into the index of open runs and the index of all runs, and start its instance."""
    run_id, task_hub, request = ledger.run.id, task_hub_of(client), state.request
    await open_runs.enter(
        ledger.container, run_id, task_hub, clock.now(), source=request.source, backfill=request.backfill
    )
    await run_index.enter(ledger.container, state)
    await timeline.begin(ledger.container, ledger.run, event or timeline.event("started", "the run begins"))
    await start_instance(client, state)


async def begin_again(
    client: df.DurableOrchestrationClient, ledger: Ledger, state: RunState, *, after: RunState
) -> None:
    """Record `state`, the first state of a new attempt, and begin the attempt. `after` is the state before it.

    Raise RunLocked if the previous attempt has recorded a newer state: it is still ending, and may have cleaned up.
    """
    await write_redo_list(ledger, after, state.attempt)
    if not await ledger.record_state(state, clock.now().isoformat(), after=after):
        raise RunLocked(f"the last attempt of run {ledger.run.id} is still ending: check its status, then try again")
    event = timeline.event("redriven", "a person has redriven the run")
    if state.recoveries != after.recoveries:
        event = timeline.event("recovered", f"the keeper has restarted the run: {state.recoveries[-1].cause}")
    await begin(client, ledger, state, event=event)
