"""How a run begins, at a start, a redrive or a recovery: whoever does one of these holds the run's lock.

Each step may be the last one before a crash. The run is in the index of open runs before its instance starts, so the
keeper finds it; a new attempt's state is recorded before that, so an older attempt that ends late knows that it is one.
"""

from datetime import UTC, datetime

import azure.durable_functions as df

from clients.instance import start_instance, task_hub_of
from ingestion.contracts import RunState
from ingestion.errors import RunLocked
from ingestion.run import open_runs, run_index
from ingestion.run.failed import write_redo_list
from ingestion.run.ledger import Ledger


async def begin(client: df.DurableOrchestrationClient, ledger: Ledger, state: RunState) -> None:
    """Enter the run into both indexes, of open runs under the client's task hub, and start its instance."""
    await open_runs.enter(ledger.container, ledger.run.id, task_hub_of(client), datetime.now(UTC))
    await run_index.enter(ledger.container, state)
    await start_instance(client, state)


async def begin_again(
    client: df.DurableOrchestrationClient, ledger: Ledger, state: RunState, *, after: RunState
) -> None:
    """Record the first state of a new attempt, made from the state `after`, and begin it.

    Raise RunLocked if the attempt before has recorded a newer one: it ends late, and may have cleaned up.
    """
    await write_redo_list(ledger, after, state.attempt)
    if not await ledger.record_state(state, datetime.now(UTC).isoformat(), after=after):
        raise RunLocked(f"the last attempt of run {ledger.run.id} is ending: look at the run, then ask again")
    await begin(client, ledger, state)
