"""Pause, resume and cancel: one blob holds the last command; every chunk and every fetch reads it before it starts.

While activities are at work, `at_work` reads the blob once a second. The event that follows a command only wakes a
waiting run. A run is also held back if what it is pinned to has changed; the blob says which change a person has
accepted.
"""

from typing import NamedTuple

from azure.storage.blob.aio import ContainerClient

from ingestion import clock
from ingestion.contracts import Change, EnqueueRequest, FetchRequest, Run, RunRequest
from ingestion.errors import Conflict
from ingestion.run.ledger import Ledger
from ingestion.run.pinned import Pinned, change_between, fingerprint, what_differs
from ingestion.run.request import read_request
from ingestion.run.run_state import CANCEL, CHANGED, PAUSE
from ingestion.storage.failures import storage_errors
from ingestion.storage.json_blob import change_json, read_json
from ingestion.wire import JsonObject

GO = "go"


class Held(NamedTuple):
    """What holds a run back: `command` is PAUSE, CANCEL, or CHANGED together with `change`; None if nothing does."""

    command: str | None
    change: Change | None = None


async def give(ledger: Ledger, command: str, accepted: JsonObject | None = None) -> None:
    """Write a command, and the acceptance `accepted` of a change. Raise Conflict if the run is being cancelled."""
    given: JsonObject = {"command": command, "given_at": clock.now().isoformat()}
    if accepted is not None:
        given["accepted"] = accepted

    def change(found: JsonObject | None) -> JsonObject:
        if found is not None and found["command"] == CANCEL and command != CANCEL:
            raise Conflict("run_id", "the run is being cancelled", "to redrive it once it has ended")
        return {**(found or {}), **given}

    await change_json(ledger.blob("command.json"), change)


async def clear(ledger: Ledger) -> None:
    """Clear the last command, for a redrive."""
    await change_json(ledger.blob("command.json"), lambda found: found and {**found, "command": GO})


async def read_command(container: ContainerClient, run: Run) -> str | None:
    """Return the command that holds the run back: PAUSE, CANCEL, or None."""
    return _command_in(await _read(container, run))


async def read_held(
    container: ContainerClient, now: Pinned, request: FetchRequest | EnqueueRequest | RunRequest, run: Run
) -> Held:
    """Return what holds a run back: its last command, or a change from the pin of `request` to what is pinned `now`."""
    found = await _read(container, run)
    accepted: JsonObject = found.get("accepted", {})
    command, pin = _command_in(found), accepted.get("pin", request.pin)
    if command is not None or pin is None or fingerprint(now.fields) == pin:
        return Held(command)
    before = accepted.get("fields") or ((await read_request(container, run.id)) or {}).get("pinned", {})
    return Held(CHANGED, change_between(before, now.fields))


def acceptance(request: JsonObject, progress: object, now: Pinned) -> JsonObject | None:
    """Return the acceptance of the change that the run's progress shows; None if the change is now another one."""
    if not isinstance(progress, dict) or progress.get("changed_to") != (pin := fingerprint(now.fields)):
        return None
    return {"pin": pin, "what": what_differs(request.get("pinned", {}), now.fields), "fields": now.fields}


async def accepted_change(ledger: Ledger) -> JsonObject:
    """Return the last `acceptance` since the start of the run; an empty object before the first one."""
    accepted: JsonObject = (await _read(ledger.container, ledger.run)).get("accepted", {})
    return accepted


async def _read(container: ContainerClient, run: Run) -> JsonObject:
    with storage_errors(f"read the last command for run {run.id}"):
        return await read_json(Ledger(container, run).blob("command.json")) or {}


def _command_in(found: JsonObject) -> str | None:
    return found["command"] if found.get("command") in (PAUSE, CANCEL) else None
