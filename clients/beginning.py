"""How a run begins, at a start, a redrive or a recovery: whoever does one of these holds the run's lock.

Each step may be the last one before a crash. The run is in the index of open runs before its instance starts, so the
keeper finds it; a new attempt's state is recorded before that, so an older attempt that ends late knows that it is one.
"""

from datetime import UTC, datetime

import azure.durable_functions as df

from clients.instance import start_instance, task_hub_of
from ingestion.contracts import RunRequest, RunState
from ingestion.errors import RunLocked
from ingestion.run import open_runs, run_state
from ingestion.run.ledger import Ledger
from ingestion.wire import JsonObject, from_wire


def first_state(request: JsonObject) -> RunState:
    """The state of a run that has done nothing yet, from its request in the ledger."""
    return run_state.start(from_wire(RunRequest, request["request"]), request["started_at"])


async def last_state(ledger: Ledger, request: JsonObject) -> RunState:
    """The last recorded state of a run, or its first if none was recorded. Raises UnknownSchema."""
    return await ledger.state(request["started_at"]) or first_state(request)


async def begin(client: df.DurableOrchestrationClient, ledger: Ledger, state: RunState) -> None:
    """Enter the run into the index of open runs, under the client's task hub, and start its instance."""
    await open_runs.enter(ledger.container, ledger.run_id, task_hub_of(client), datetime.now(UTC))
    await start_instance(client, ledger.run_id, state)


async def begin_again(
    client: df.DurableOrchestrationClient, ledger: Ledger, state: RunState, *, after: RunState
) -> None:
    """Record the first state of a new attempt, made from the state `after`, and begin it.

    Raises RunLocked if the attempt before has recorded a newer one: it ends late, and may have cleaned up.
    """
    if not await ledger.record_state(state, datetime.now(UTC).isoformat(), after=after):
        raise RunLocked(f"the last attempt of run {ledger.run_id} is ending: look at the run, then ask again")
    await begin(client, ledger, state)
