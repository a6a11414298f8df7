"""Which due times of a source are handled: `schedules/{source}.json`.

The timer function looks for due times. It writes the blob when a due time is handled or the schedule has changed, on
the condition that no other look was faster. A look that finds nothing due only reads the blob.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from azure.storage.blob.aio import BlobClient, ContainerClient

from ingestion.schedule import Schedule
from ingestion.storage.json_blob import change_json, read_json
from ingestion.wire import JsonObject, from_wire, to_wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """Each due time up to `until` is handled; `waits` is the due time that waits for an open run to end."""

    schedule: str
    time_zone: str
    until: datetime
    waits: datetime | None = None

    def is_of(self, schedule: Schedule) -> bool:
        """Return whether this belongs to the schedule, and not to an earlier one of the source."""
        return (self.schedule, self.time_zone) == (schedule.text, schedule.time_zone)


async def read(container: ContainerClient, source: str) -> Handled | None:
    """Return which due times of a source's schedule are handled; None before the first look."""
    found = await read_json(_blob(container, source))
    return None if found is None else from_wire(Handled, found)


async def begin(container: ContainerClient, source: str, schedule: Schedule, now: datetime) -> Handled:
    """Begin a new or changed schedule now. If a due time of the earlier schedule waits, it keeps waiting."""

    def change(found: Handled | None) -> Handled | None:
        if found is not None and found.is_of(schedule):
            return found
        waits = None if found is None else found.waits
        return Handled(schedule=schedule.text, time_zone=schedule.time_zone, until=now, waits=waits)

    begun = await _change(container, source, change)
    assert begun is not None
    return begun


async def handle(container: ContainerClient, source: str, due: datetime) -> None:
    """Note that a due time is handled: its run was started, or it was skipped."""

    def change(found: Handled | None) -> Handled | None:
        if found is None:
            return None
        waits = None if found.waits == due else found.waits
        return replace(found, until=max(found.until, due), waits=waits)

    await _change(container, source, change)


async def let_wait(container: ContainerClient, source: str, due: datetime) -> None:
    """Note that a due time waits, unless it is handled or another one waits."""

    def change(found: Handled | None) -> Handled | None:
        return found if found is None or found.until >= due else replace(found, until=due, waits=found.waits or due)

    await _change(container, source, change)


async def _change(
    container: ContainerClient, source: str, change: Callable[[Handled | None], Handled | None]
) -> Handled | None:
    def changed(found: JsonObject | None) -> JsonObject | None:
        before = None if found is None else from_wire(Handled, found)
        after = change(before)
        return None if after is None or after == before else to_wire(after)

    there = await change_json(_blob(container, source), changed)
    return None if there is None else from_wire(Handled, there)


def _blob(container: ContainerClient, source: str) -> BlobClient:
    return container.get_blob_client(f"schedules/{source}.json")
