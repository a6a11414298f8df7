"""What a run waits for between two windows: the time that its source asked for, or a wish.

The event only wakes: what is wished stands in the ledger, and the next window looks there. It is raised after the
wish was written, so a run that has seen no change of it is still in the generation that the event reaches.
"""

from collections.abc import Generator
from datetime import datetime
from typing import Any

import azure.durable_functions as df

from ingestion.contracts import RunState
from ingestion.run import run_report
from ingestion.run.run_state import EVENT


def wait_for_source(context: df.DurableOrchestrationContext, state: RunState) -> Generator[Any, Any, None]:
    """Wait until the source may be asked again, or until somebody wishes something.

    Nothing else is under way here, which is what a task_any needs to mean the same to the SDK and to the extension.
    """
    assert state.wait_until is not None, "only a source that asked for it is waited for"
    context.set_custom_status(run_report.progress(state, "waiting"))
    timer = context.create_timer(datetime.fromisoformat(state.wait_until))
    first = yield context.task_any([timer, context.wait_for_external_event(EVENT)])
    if first is not timer:
        timer.cancel()  # an open timer would keep this generation from ending


def wait_for_wish(context: df.DurableOrchestrationContext, state: RunState) -> Generator[Any, Any, None]:
    """Wait, paused, until somebody wishes something else."""
    context.set_custom_status(run_report.progress(state, "paused"))
    yield context.wait_for_external_event(EVENT)
