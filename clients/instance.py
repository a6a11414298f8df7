"""The durable instance of a run: all calls from `clients` to Durable Functions.

The SDK raises bare exceptions and reads HTTP 500 as "no such instance", which is dangerous when a run is deleted or
redriven. Here an instance is missing only if Durable Functions said so.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import azure.durable_functions as df
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from ingestion.contracts import Run, RunState
from ingestion.errors import DurableUnavailable, first_line
from ingestion.run.keeping import Found
from ingestion.run.run_state import EVENT
from ingestion.telemetry import run_span
from ingestion.wire import JsonObject, to_wire

RUNNING = frozenset({"Pending", "Running", "ContinuedAsNew", "Suspended"})
FOUND = {
    **dict.fromkeys(RUNNING, Found.GOES_ON),
    **dict.fromkeys(("Completed", "Failed"), Found.ENDED),
    **dict.fromkeys(("Terminated", "Canceled"), Found.TERMINATED),
}


def task_hub_of(client: df.DurableOrchestrationClient) -> str:
    """Return the task hub of a client; the SDK keeps it in the client's binding."""
    return str(client._orchestration_bindings.task_hub_name)


def found(status: DurableOrchestrationStatus | None) -> Found:
    """Return what an instance's status means to the keeper."""
    return Found.GONE if status is None else FOUND[status.runtime_status.name]


def failure_of(status: DurableOrchestrationStatus) -> str:
    """Return in one line why an instance failed or was terminated, without the host's prefix."""
    text = str(status.output or "no reason given").partition("\n")[0].strip()
    return text.partition("' failed: ")[2] if text.startswith("Orchestrator function '") else text


def carried_state(status: DurableOrchestrationStatus) -> JsonObject:
    """Return the input of an instance: the state with which the current window began."""
    state: JsonObject = status.input_ if isinstance(status.input_, dict) else json.loads(status.input_ or "{}")
    return state


async def find_instance(client: df.DurableOrchestrationClient, run_id: str) -> DurableOrchestrationStatus | None:
    """Return the instance of a run with its input, None if there is none. Raise DurableUnavailable if unknown."""
    with _durable_errors(f"look at the instance of run {run_id}"):
        if status := await client.get_status(run_id, show_input=True):
            return status
        # None may also mean an error, which a list would raise. The exact id comes first in the list.
        listed = await client.get_status_by(instance_id_prefix=run_id)
        return next((status for status in listed if status.instance_id == run_id), None)


async def runtime_status(client: df.DurableOrchestrationClient, run_id: str) -> str | None:
    """Return the durable status of a run by name, None if there is no instance. Raise DurableUnavailable."""
    status = await find_instance(client, run_id)
    return None if status is None else str(status.runtime_status.name)


async def started_instance(client: df.DurableOrchestrationClient, run: Run) -> str | None:
    """Return the durable status of a run, None if there is no instance of this start. Raise DurableUnavailable.

    An instance of an earlier start does not count: its ledger was deleted for its age, and only its history is left.
    """
    status = await find_instance(client, run.id)
    if status is None or not is_of(status, run):
        return None
    return str(status.runtime_status.name)


def is_of(status: DurableOrchestrationStatus, run: Run) -> bool:
    """Return whether an instance belongs to this start of its run."""
    return list(carried_state(status).get("run", ())) == list(run)


async def start_instance(client: df.DurableOrchestrationClient, state: RunState) -> None:
    """Start the instance of a run; the SDK passes the run's trace to the host. Raise DurableUnavailable."""
    with run_span("start_run", state.run), _durable_errors(f"start the instance of run {state.run.id}"):
        await client.start_new("ingest_run", instance_id=state.run.id, client_input=to_wire(state))


async def wake(client: df.DurableOrchestrationClient, run_id: str, command: str) -> None:
    """Wake a run that waits. Raise DurableUnavailable, also if the run has ended."""
    with _durable_errors(f"wake run {run_id} after writing its command"):
        await client.raise_event(run_id, EVENT, command)


async def purge_instance(client: df.DurableOrchestrationClient, run_id: str) -> int:
    """Delete the history of a run; return how many instances were deleted. Raise DurableUnavailable."""
    with _durable_errors(f"delete the history of run {run_id}"):
        return int((await client.purge_instance_history(run_id)).instances_deleted)


@contextmanager
def _durable_errors(doing: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        problem = f"Durable Functions failed ({first_line(error)})"
        raise DurableUnavailable(f"could not {doing}: {problem}") from error
