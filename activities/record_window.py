"""Write the state at the start of a window to the ledger, while the chunks of the window are sent."""

import asyncio
from logging import WARNING

import azure.durable_functions as df

from activities.activity import activity
from activities.log import log
from ingestion import clock
from ingestion.contracts import Recorded, RunState
from ingestion.open_storage import Storage
from ingestion.run import run_index, run_report, timeline
from ingestion.run.command import read_held
from ingestion.run.ledger import Ledger
from ingestion.run.pinned import pinned_now
from ingestion.run.run_report import status_in_list
from ingestion.run.run_state import CHANGED
from ingestion.settings import Settings

blueprint = df.Blueprint()


@blueprint.activity_trigger(input_name="request")
@activity(RunState, Recorded, doing="record window {0.window} of run {0.run.id}")
async def record_window(state: RunState, storage: Storage, settings: Settings) -> Recorded:
    """Record the state of a run. Return the command that holds the run back, or an error to an older attempt."""
    now = pinned_now(settings, state.request.source)
    if state.window == 0:
        await storage.prepare(now.found if isinstance(now.found, Settings) else None)
    if not await Ledger(storage.container, state.run).record_state(state, clock.now().isoformat()):
        return Recorded(error="a newer attempt of the run has begun, so this attempt has stopped")
    held = await read_held(storage.container, now, state.request, state.run)
    if held.change is not None:
        log("run_held", "a run is held by a change", level=WARNING, run_id=state.run.id, changes=held.change.what)
    status = status_in_list(state, held.command, clock.now())
    progress = run_report.progress(state)
    lines = [timeline.window(progress, progress["counts_at"])]
    if held.change is not None and state.command != CHANGED:
        lines.append(timeline.event("held", f"the run is held by a change: {held.change.what}"))
    await asyncio.gather(
        run_index.note_window(storage.container, state, status), timeline.append(storage.container, state.run, *lines)
    )
    return Recorded(**held._asdict())
