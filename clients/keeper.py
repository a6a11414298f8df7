"""One look of the keeper: at every open run of its task hub, and once more under the lock if something is wrong.

A look costs one storage request for each 5,000 open runs, and at most two for each run (four if its state is older than
ten minutes); a recovery costs more. A look may stop at any point: repeating a step does no harm, and the next look does
the rest.
"""

import asyncio
import logging
from datetime import datetime
from typing import Any

import azure.durable_functions as df
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus
from azure.storage.blob.aio import ContainerClient

from activities.finish_run import log_end
from activities.log import log
from clients.beginning import begin, begin_again
from clients.instance import carried_state, failure_of, find_instance, found, is_of, task_hub_of
from ingestion.contracts import FinishRequest, Run, RunState
from ingestion.errors import RunLocked, UnknownSchema, first_line
from ingestion.run import closing, keeping, open_runs, run_report, run_state
from ingestion.run.keeping import Action, Found
from ingestion.run.ledger import Ledger
from ingestion.run.lock import locked
from ingestion.run.open_runs import OpenRun
from ingestion.run.request import first_state, read_request, run_of
from ingestion.storage.checkpoint import last_checkpoint_at
from ingestion.storage.failures import storage_errors
from ingestion.wire import JsonObject

RUNS_AT_ONCE = 8
NOT_WAITING = ("running", "ending")  # phases in which a run waits for nothing


async def keep(client: df.DurableOrchestrationClient, container: ContainerClient, now: datetime) -> None:
    """Look at every open run of the client's task hub; an error at one run does not stop the rest."""
    lanes, task_hub = asyncio.Semaphore(RUNS_AT_ONCE), task_hub_of(client)

    async def look(run: OpenRun) -> None:
        async with lanes:
            keeper = Keeper(client, container, run, now)
            try:
                with storage_errors(f"keep run {run.run_id}"):
                    await keeper.look()
            except RunLocked:
                pass  # another operation holds the lock of the run
            except Exception as error:
                keeper.log("run_not_kept", "the keeper could not look at a run", reason=first_line(error))

    runs = [run async for run in open_runs.listed(container) if run.task_hub == task_hub]
    async with asyncio.TaskGroup() as looks:
        for run in runs:
            looks.create_task(look(run))


class Keeper:
    """The keeper's look at one run of the index."""

    def __init__(
        self, client: df.DurableOrchestrationClient, container: ContainerClient, run: OpenRun, now: datetime
    ) -> None:
        self._client, self._container, self._run, self._now = client, container, run, now

    def log(self, action: str, message: str, *, level: int = logging.WARNING, **facts: Any) -> None:
        """Log what the keeper saw or did."""
        log(action, message, level=level, run_id=self._run.run_id, **facts)

    async def look(self) -> None:
        """Look at the instance, note what was found, and act on it."""
        run, status = self._run, await find_instance(self._client, self._run.run_id)
        if status is not None and found(status) is Found.GOES_ON:
            await self._watch(status)
            return
        request = await read_request(self._container, run.run_id)
        seen = found(_of_this_start(status, request))
        has_state = seen is Found.GONE and request is not None and await self._has_state(request)
        noted, is_closer = keeping.first_look(run.found, seen, has_state=has_state, age=self._now - run.opened_at)
        if await self._note(noted, run.reported) and is_closer:
            await self._look_closer()

    async def _has_state(self, request: JsonObject) -> bool:
        return await self._ledger(run_of(request)).state_recorded_at() is not None

    async def _watch(self, status: DurableOrchestrationStatus) -> None:
        """Report a run that makes no progress, once."""
        run, moved_at, waits = self._run, self._run.opened_at, _waits(status)
        if not waits:
            moved_at = max(moved_at, await self._moved_at(status) or moved_at)
        stands_still = keeping.stands_still(run.reported, moved_at, waits=waits, now=self._now)
        reported = moved_at.isoformat() if stands_still else run.reported
        if await self._note(Found.GOES_ON, reported) and stands_still:
            seconds = round((self._now - moved_at).total_seconds())
            self.log("run_stands_still", "a run makes no progress", since=reported, seconds=seconds)

    async def _moved_at(self, status: DurableOrchestrationStatus) -> datetime | None:
        """Return when the state or a checkpoint of the window was last written; None if neither was."""
        try:
            state = run_state.load(carried_state(status))
        except UnknownSchema:
            return None
        recorded_at = await self._ledger(state.run).state_recorded_at()
        numbers = [chunk.number for chunk in run_state.chunks_in_window(state)]
        if not numbers or (recorded_at is not None and self._now - recorded_at < keeping.PATIENCE):
            return recorded_at
        checkpoint_at = await last_checkpoint_at(self._container, state.run, numbers)
        return max((at for at in (recorded_at, checkpoint_at) if at is not None), default=None)

    async def _note(self, noted: Found, reported: str) -> bool:
        """Note what was found if that is new; return False if the entry has changed since it was listed."""
        if (noted, reported) == (self._run.found, self._run.reported):
            return True
        changed = await open_runs.note(self._container, self._run, found=noted, reported=reported)
        self._run = changed or self._run
        return changed is not None

    async def _look_closer(self) -> None:
        """Look again under the lock, with the ledger, and act on it."""
        container, run = self._container, self._run
        if await read_request(container, run.run_id) is None:
            # Nothing to lock: the start was lost before it wrote the request, or is under way.
            if self._now - run.opened_at >= keeping.PATIENCE:
                await open_runs.remove(container, run)
            return
        async with locked(container, run.run_id, wait=False):
            entry, request = await open_runs.find(container, run.run_id), await read_request(container, run.run_id)
            if entry is None or entry.etag != run.etag or request is None:
                return  # the run was closed, deleted, or begun again, perhaps in another task hub
            status = _of_this_start(await find_instance(self._client, run.run_id), request)
            ledger = self._ledger(run_of(request))
            is_closed, state = await ledger.report() is not None, await ledger.state()
            action = keeping.next_action(
                run.found,
                found(status),
                is_closed=is_closed,
                state=state,
                requested_at=request["started_at"],
                now=self._now,
            )
            await self._do(action, ledger, state or first_state(request), _cause(status))

    def _ledger(self, run: Run) -> Ledger:
        return Ledger(self._container, run)

    async def _do(self, action: Action, ledger: Ledger, state: RunState, cause: str) -> None:
        now = self._now
        match action:
            case Action.TIDY:
                await closing.tidy(ledger, state, self._run)
            case Action.CLOSE:
                await self._close(ledger, run_report.finish(state, now), cause)
            case Action.CLOSE_TERMINATED:
                await self._close(ledger, run_report.finish(state, now, "terminated"), cause)
            case Action.GIVE_UP:
                if await self._close(ledger, run_report.finish(keeping.given_up(state, cause), now), cause):
                    self.log("run_given_up", "a run was recovered too often", level=logging.ERROR, cause=cause)
            case Action.START:
                await begin(self._client, ledger, state)
                self.log("run_recovered", "the keeper recovered a run", cause="its start was lost", attempt=0)
            case Action.RECOVER:
                again = keeping.recovered(state, cause, now)
                await begin_again(self._client, ledger, again, after=state)
                self.log("run_recovered", "the keeper recovered a run", cause=cause, attempt=again.attempt)

    async def _close(self, ledger: Ledger, finished: FinishRequest, cause: str) -> bool:
        """Close the ledger; return False if a newer attempt of the run has begun, or the run is deleted."""
        closed = await closing.close(ledger, finished, self._now)
        if closed is None:
            return False
        log_end(closed)
        message = "the keeper closed the ledger of a run"
        self.log("ledger_closed_by_keeper", message, level=logging.INFO, outcome=finished.outcome, cause=cause)
        return True


def _of_this_start(
    status: DurableOrchestrationStatus | None, request: JsonObject | None
) -> DurableOrchestrationStatus | None:
    """Return the instance if it belongs to the start that the request names, else None."""
    return status if status is None or request is None or is_of(status, run_of(request)) else None


def _waits(status: DurableOrchestrationStatus) -> bool:
    """Return whether a run shows that it waits for something, or is suspended."""
    progress = status.custom_status
    phase = progress.get("phase") if isinstance(progress, dict) else None
    return status.runtime_status.name == "Suspended" or (phase is not None and phase not in NOT_WAITING)


def _cause(status: DurableOrchestrationStatus | None) -> str:
    """Return in one line why an instance ended."""
    if status is None:
        return "the instance was gone"
    name = status.runtime_status.name
    return "completed, and the ledger was not closed" if name == "Completed" else f"{name}: {failure_of(status)}"
