"""Wait between two windows: until the source may be read again, or for a command.

The event only wakes the run; the command itself is in the ledger, where the next window reads it. The event is raised
after the command is written, so a run that has not seen the command is still in the generation that the event reaches.
If the function that wrote the command dies before it raises the event, the event is lost. So a run waits at most a
quarter of an hour before it looks for a command, in a window with nothing to send. This also keeps timers under six
days: the SDK splits a longer one into pieces and then cannot cancel it.
"""

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df

from ingestion.contracts import RunState
from ingestion.run import run_report
from ingestion.run.run_state import CHANGED, EVENT

LOOK_AFTER = timedelta(minutes=15)  # the longest wait before a run looks for a command
EARLY = timedelta(seconds=1)  # the host may fire a timer this much too early: its queues count whole seconds


def wait_for_source(context: df.DurableOrchestrationContext, state: RunState) -> Generator[Any, Any, None]:
    """Wait until the source may be read again, a command comes, or it is time to look for one."""
    assert state.wait_until is not None, "a run waits for its source only until a known time"
    context.set_custom_status(run_report.progress(state, "waiting"))
    allowed = datetime.fromisoformat(state.wait_until) + EARLY
    yield from _until(context, min(allowed, context.current_utc_datetime + LOOK_AFTER))


def wait_for_command(context: df.DurableOrchestrationContext, state: RunState) -> Generator[Any, Any, None]:
    """Wait, paused or held by a change, until a command comes or it is time to look for one."""
    context.set_custom_status(run_report.progress(state, "held" if state.command == CHANGED else "paused"))
    yield from _until(context, context.current_utc_datetime + LOOK_AFTER)


def _until(context: df.DurableOrchestrationContext, time: datetime) -> Generator[Any, Any, None]:
    """Wait for `time` or the event. No other task may be under way: `task_any` would behave differently in Azure."""
    timer = context.create_timer(time)
    first = yield context.task_any([timer, context.wait_for_external_event(EVENT)])
    if first is not timer:
        timer.cancel()  # an open timer would keep this generation from ending
