"""The durable instance of a run, as far as the other client functions need to know."""

import azure.durable_functions as df

RUNNING = frozenset({"Pending", "Running", "ContinuedAsNew", "Suspended"})


async def runtime_status(client: df.DurableOrchestrationClient, run_id: str) -> str | None:
    """The durable status of a run by name, None if there is no instance."""
    status = await client.get_status(run_id)
    return str(status.runtime_status.name) if status else None
