"""Look at the schedules of all sources once, and start the sources that are due.

A look may stop at any point, and two looks may overlap: a run starts only once, however many looks try to start it. A
due time is noted as handled only after its run has begun, or after a log record says why the run has not begun.
"""

import asyncio
import logging
import os
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df

from activities.log import log
from clients.start_request import StartRequest
from clients.starting import start_once
from ingestion.concealed import errors_concealed
from ingestion.errors import Conflict, first_line
from ingestion.open_storage import Storage
from ingestion.run import open_runs, scheduling
from ingestion.run.request import read_request
from ingestion.schedule import run_id_of
from ingestion.settings import Settings
from ingestion.source.description import read_scheduled, scheduled_tables
from ingestion.storage.failures import storage_errors

ON_TIME = timedelta(minutes=5)  # an older due time is missed


async def start_all_due(
    client: df.DurableOrchestrationClient, settings: Settings, storage: Storage, now: datetime
) -> None:
    """Start each source whose schedule is due; an error at one source does not stop the rest."""
    tables = scheduled_tables(settings.sources)
    await asyncio.gather(*(_Look(client, settings, storage, source, now).look(tables[source]) for source in tables))


class _Look:
    """One look at the schedule of one source."""

    def __init__(
        self,
        client: df.DurableOrchestrationClient,
        settings: Settings,
        storage: Storage,
        source: str,
        now: datetime,
    ) -> None:
        self._client, self._settings, self._storage, self._source, self._now = client, settings, storage, source, now
        self._container = storage.container
        self._due: datetime | None = None  # the due time that this look is starting

    async def look(self, table: dict[str, Any]) -> None:
        """Start the source if it is due. Log an error instead of raising it."""
        try:
            with errors_concealed(), storage_errors(f"start source {self._source}"):
                await self._look(table)
        except Exception as error:
            due = {} if self._due is None else {"due": self._due}
            reason = first_line(error)
            self._log("schedule_blocked", "a source cannot be started", logging.WARNING, **due, reason=reason)

    async def _look(self, table: dict[str, Any]) -> None:
        keys = read_scheduled(self._settings.sources, self._source, table, os.environ)
        schedule, handled = keys.due_times, await scheduling.read(self._container, self._source)
        assert schedule is not None, "only a table with a schedule is looked at"
        if handled is None:
            await self._storage.prepare()  # the container may not exist yet
        if handled is None or not handled.is_of(schedule):
            handled = await scheduling.begin(self._container, self._source, schedule, self._now)
            self._log("schedule_begun", "a schedule is new or has changed", due=next(schedule.after(self._now)))
        one_waits = handled.waits is not None and await self._start(handled.waits) is not None
        due = schedule.latest(self._now)
        if due <= handled.until:
            return
        missed = schedule.count(handled.until, due)
        if keys.if_missed == "skip" and self._now - due > ON_TIME and not await self._was_begun(due):
            await self._skip(due, "missed", missed=missed)
        elif (open_run := await self._start(due, missed=missed)) is None:
            return
        elif keys.if_running == "skip":
            await self._skip(due, "running", missed=missed, open_run=open_run)
        elif one_waits:
            await self._skip(due, "one_waits", missed=missed, open_run=open_run)
        else:
            self._log("schedule_waits", "a due time waits for an open run to end", due=due, open_run=open_run)
            await scheduling.let_wait(self._container, self._source, due)

    async def _start(self, due: datetime, **facts: Any) -> str | None:
        """Start the run of a due time. If another run of the source is open, return its id: it must end first."""
        self._due, run_id = due, run_id_of(self._source, due)
        if not await self._was_begun(due):
            async for run in open_runs.of_source(self._container, self._source):
                if run.run_id != run_id:
                    return run.run_id
        try:
            await start_once(self._client, run_id, StartRequest(source=self._source), self._settings, self._storage)
        except Conflict as error:  # for example, a person has used this run id
            await self._skip(due, str(error), **facts)
            return None
        self._log("schedule_started", "a schedule started a run", due=due, run_id=run_id, **facts)
        await scheduling.handle(self._container, self._source, due)
        return None

    async def _was_begun(self, due: datetime) -> bool:
        """Return whether an earlier look began the run of this due time, but did not note the due time as handled."""
        return await read_request(self._container, run_id_of(self._source, due)) is not None

    async def _skip(self, due: datetime, reason: str, **facts: Any) -> None:
        message = "a due time is skipped"
        self._log("schedule_skipped", message, logging.WARNING, due=due, reason=reason, **facts)
        await scheduling.handle(self._container, self._source, due)

    def _log(self, action: str, message: str, level: int = logging.INFO, **facts: Any) -> None:
        shown = {name: fact.isoformat() if isinstance(fact, datetime) else fact for name, fact in facts.items()}
        log(action, message, level=level, source=self._source, **shown)
