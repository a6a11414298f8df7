"""What a run waits for between two windows: the time to ask its source again, or a command.

The event only wakes: the command stands in the ledger, and the next window looks there. The event is raised after the
command was written, so a run that has not seen the command is still in the generation that the event reaches. If the
event is lost, because the function that wrote the command was lost before it raised the event, the run finds the
command by itself: after at most a quarter of an hour it does a window in which nothing is due, and waits again. So no
timer is longer than that: the SDK cuts one of more than six days into pieces and then loses its cancellation.
"""

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df

from ingestion.contracts import RunState
from ingestion.run import run_report
from ingestion.run.run_state import EVENT

PAUSE = timedelta(minutes=15)  # after which a run that waits looks for a command by itself
EARLY = timedelta(seconds=1)  # by which the host may fire a timer before its time: its queues count whole seconds


def wait_for_source(context: df.DurableOrchestrationContext, state: RunState) -> Generator[Any, Any, None]:
    """Wait until the source may be asked again, a command comes, or it is time to look."""
    assert state.wait_until is not None, "only a source that asked for it is waited for"
    context.set_custom_status(run_report.progress(state, "waiting"))
    allowed = datetime.fromisoformat(state.wait_until) + EARLY
    yield from _until(context, min(allowed, context.current_utc_datetime + PAUSE))


def wait_for_command(context: df.DurableOrchestrationContext, state: RunState) -> Generator[Any, Any, None]:
    """Wait, paused, until a command comes, or it is time to look."""
    context.set_custom_status(run_report.progress(state, "paused"))
    yield from _until(context, context.current_utc_datetime + PAUSE)


def _until(context: df.DurableOrchestrationContext, time: datetime) -> Generator[Any, Any, None]:
    """Wait for `time` or the event; nothing else is under way, without which task_any would not mean this in Azure."""
    timer = context.create_timer(time)
    first = yield context.task_any([timer, context.wait_for_external_event(EVENT)])
    if first is not timer:
        timer.cancel()  # an open timer would keep this generation from ending
