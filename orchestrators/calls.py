"""Call activities together: encode the requests, wait for all outcomes, and decode them."""

from collections.abc import Generator, Iterable
from typing import Any

import azure.durable_functions as df

from activities.enqueue_chunk import enqueue_chunk
from activities.fetch_batch import fetch_batch
from activities.finish_run import finish_run
from activities.load_failed import load_failed
from activities.record_failed import record_failed
from activities.record_window import record_window
from ingestion.contracts import (
    EnqueueRequest,
    FailedChunks,
    FailedPage,
    FetchOutcome,
    FetchRequest,
    FinishOutcome,
    FinishRequest,
    LoadRequest,
    Receipt,
    Recorded,
    RunState,
    SettledChunks,
)
from ingestion.errors import first_line
from ingestion.wire import from_wire, to_wire

# Retries help after lost workers, timeouts and temporary errors. Activities return other errors in their outcome.
RETRY = df.RetryOptions(first_retry_interval_in_milliseconds=15_000, max_number_of_attempts=4)

ACTIVITIES: dict[type[Any], tuple[Any, type[Any]]] = {  # input type: (activity, output type)
    FetchRequest: (fetch_batch, FetchOutcome),
    LoadRequest: (load_failed, FailedPage),
    RunState: (record_window, Recorded),
    EnqueueRequest: (enqueue_chunk, Receipt),
    FailedChunks: (record_failed, SettledChunks),
    FinishRequest: (finish_run, FinishOutcome),
}


def together(context: df.DurableOrchestrationContext, requests: Iterable[Any]) -> Generator[Any, Any, list[Any]]:
    """Call the activities of all requests at the same time; return their outcomes in order.

    The outcome of a request that is None is None. If all attempts of an activity failed, its outcome has the error.
    """
    asked = list(requests)
    tasks = [
        context.call_activity_with_retry(ACTIVITIES[type(one)][0], RETRY, to_wire(one))
        for one in asked
        if one is not None
    ]
    came = iter((yield from _drained(context, tasks)))
    return [None if one is None else _outcome(ACTIVITIES[type(one)][1], next(came)) for one in asked]


def _drained(context: df.DurableOrchestrationContext, tasks: list[Any]) -> Generator[Any, Any, list[Any]]:
    """Return the result or the exception of each task, after all have ended.

    `task_all` raises at the first failure while other tasks still run, so this function then awaits each task. Pass at
    most about 900 tasks: the SDK recurses over the tasks that are already done.
    """
    if not tasks:
        return []
    try:
        return list((yield context.task_all(tasks)))
    except Exception:
        outcomes: list[Any] = []
        for task in tasks:
            try:
                outcomes.append((yield task))
            except Exception as failure:
                outcomes.append(failure)
        return outcomes


def _outcome(kind: type[Any], came: Any) -> Any:
    return kind(error=_failure_text(came)) if isinstance(came, Exception) else from_wire(kind, came)


def _failure_text(failure: Exception) -> str:
    """Return the text of an activity's failure, without the host's prefix and without a stack trace."""
    text = first_line(failure)
    before, _, after = text.partition("' failed:")
    return after.strip() if after and before.startswith("Activity function '") else text
