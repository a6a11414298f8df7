"""Wait between two windows: until the source may be read again, or for a command.

Each window reads the last command from the ledger; the event that follows a command only wakes a waiting run. The event
is lost if the run moves to its next generation at that moment; this does no harm, because that generation reads the
command. The event is also lost if the function that wrote the command dies before it raises the event. So a wait ends
after 15 minutes at the latest; then a window without chunks reads the command. This also keeps timers under six days:
the SDK splits a longer timer into pieces and then cannot cancel the timer.
"""

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df

from ingestion.contracts import RunState
from ingestion.run import run_report
from ingestion.run.run_state import CHANGED, EVENT

LOOK_AFTER = timedelta(minutes=15)  # the longest wait before a run looks for a command
EARLY = timedelta(
    seconds=1
)  # the host may fire a timer up to this much too early, because its queues drop fractions of a second


def wait_for_source(context: df.DurableOrchestrationContext, state: RunState) -> Generator[Any, Any, None]:
    """Wait until the source may be read again, a command comes, or it is time to look for one."""
    assert state.wait_until is not None, "a run waits for its source only until a known time"
    context.set_custom_status(run_report.progress(state, "waiting"))
    allowed = datetime.fromisoformat(state.wait_until) + EARLY
    yield from _until(context, min(allowed, context.current_utc_datetime + LOOK_AFTER))


def wait_for_command(context: df.DurableOrchestrationContext, state: RunState) -> Generator[Any, Any, None]:
    """While the run is paused, or held by a change: wait until a command comes or it is time to look for one."""
    context.set_custom_status(run_report.progress(state, "held" if state.command == CHANGED else "paused"))
    yield from _until(context, context.current_utc_datetime + LOOK_AFTER)


def _until(context: df.DurableOrchestrationContext, time: datetime) -> Generator[Any, Any, None]:
    """Wait for `time` or the event. Call it when no other task is open: see `task_any` in docs/devhost.md."""
    timer = context.create_timer(time)
    first = yield context.task_any([timer, context.wait_for_external_event(EVENT)])
    if first is not timer:
        timer.cancel()  # an open timer would keep this generation from ending
