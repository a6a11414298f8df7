"""The runs whose activities this worker executes: the last command to each, and whether they share the worker.

While activities of a run are at work, one task reads the run's command once a second, for all of them.

A run that is alone on its workers has windows of as many chunks as a batch, so that several workers find enough to do.
If it shares a worker with another run, its window holds only as many chunks as its workers send at once. Durable
Functions starts activities in the order of their calls, so the windows of both runs alternate.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from time import monotonic

from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import Run, Share
from ingestion.deadline import HOST_JSON, OF_THE_HOST, host_setting
from ingestion.hold import Hold
from ingestion.run.command import GO, read_command

LOOK_SECONDS = 1.0  # between two looks for a command
LONGEST_LOOK_SECONDS = 5.0
KNOWN_SECONDS = 300.0  # a run still counts so long after its last activity: longer than activities wait for a worker
KEYS = ("extensions", "durableTask", "maxConcurrentActivityFunctions")
SETTING = "__".join((OF_THE_HOST, *KEYS))
DEFAULT_AT_ONCE = 10


def most_at_once(environment: Mapping[str, str] = os.environ, host_json: Path = HOST_JSON) -> int:
    """Return how many activities the host runs at once on one worker."""
    return int(host_setting(*KEYS, environment=environment, host_json=host_json) or DEFAULT_AT_ONCE)


class AtWork:
    """The runs whose activities this worker executes, or executed lately."""

    def __init__(self, container: ContainerClient) -> None:
        self._container, self._worker, self._at_once = container, secrets.token_hex(4), most_at_once()
        self._seen: dict[str, float] = {}  # maps a run id to when the run was last at work
        self._watches: dict[Run, _Watch] = {}

    def note(self, run_id: str) -> None:
        """Note that a run begins, or executes an activity, on this worker."""
        self._seen[run_id] = monotonic()

    def forget(self, run_id: str) -> None:
        """Forget a run that has ended."""
        self._seen.pop(run_id, None)

    @contextmanager
    def noted(self, run_id: str) -> Iterator[None]:
        """Note a run at the beginning and at the end of an activity, unless the activity ended the run."""
        self.note(run_id)
        try:
            yield
        finally:
            if run_id in self._seen:
                self.note(run_id)

    def share(self, run: Run) -> Share | None:
        """Return how many chunks this worker sends at once if the run shares it with another run, else None."""
        known = monotonic() - KNOWN_SECONDS
        self._seen = {run_id: seen for run_id, seen in self._seen.items() if seen > known}
        return Share(self._worker, self._at_once) if self._seen.keys() - {run.id} else None

    def set_command(self, run: Run, command: str) -> None:
        """Pass a command to the run's activities on this worker, so that they need not wait for the next look."""
        if run in self._watches:
            self._watches[run].hold.set(None if command == GO else command)

    @asynccontextmanager
    async def hold(self, run: Run) -> AsyncIterator[Hold]:
        """Yield the `Hold` of a run; until the block ends, a task keeps it at the last command."""
        if run not in self._watches:
            self._watches[run] = _Watch(self._container, run)
        watch = self._watches[run]
        watch.users += 1
        try:
            yield watch.hold
        finally:
            watch.users -= 1
            if not watch.users:
                watch.looking.cancel()
                del self._watches[run]


class _Watch:
    """Reads the command of one run as long as an activity uses its hold."""

    def __init__(self, container: ContainerClient, run: Run) -> None:
        self._container, self._run = container, run
        self.hold, self.users = Hold(), 0
        self.looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with suppress(Exception):  # storage may be away; the next look tries again
                async with asyncio.timeout(LONGEST_LOOK_SECONDS):
                    self.hold.set(await read_command(self._container, self._run))
