"""Pause, resume and cancel: one blob holds the last command; every chunk and every fetch reads it before it starts.

The event that is raised after a command only wakes a run that waits.
"""

from datetime import UTC, datetime

from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import Run
from ingestion.errors import Conflict
from ingestion.run.ledger import Ledger
from ingestion.run.run_state import CANCEL, PAUSE
from ingestion.storage.failures import storage_errors
from ingestion.storage.json_blob import change_json, read_json
from ingestion.wire import JsonObject

GO = "go"


async def give(ledger: Ledger, command: str) -> None:
    """Give a command to the run. Raise Conflict for a run that is being cancelled."""
    given_at = datetime.now(UTC).isoformat()

    def change(found: JsonObject | None) -> JsonObject:
        if found is not None and found["command"] == CANCEL and command != CANCEL:
            raise Conflict("run_id", "the run is being cancelled", "to redrive it once it has ended")
        return {"command": command, "given_at": given_at}

    await change_json(ledger.blob("command.json"), change)


async def clear(ledger: Ledger) -> None:
    """Clear the last command, because the run is redriven."""
    await change_json(ledger.blob("command.json"), lambda found: found and {**found, "command": GO})


async def read_command(container: ContainerClient, run: Run) -> str | None:
    """Return the command that holds the run back: PAUSE, CANCEL, or None."""
    with storage_errors(f"read the last command for run {run.id}"):
        found = await read_json(Ledger(container, run).blob("command.json"))
    return found["command"] if found and found["command"] in (PAUSE, CANCEL) else None
