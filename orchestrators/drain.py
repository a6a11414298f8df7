"""Wait for a window: collect every outcome before anything new is scheduled."""

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from ingestion.errors import first_line

# For lost workers and timeouts only: other errors are handled where their cause is known.
RETRY = df.RetryOptions(first_retry_interval_in_milliseconds=15_000, max_number_of_attempts=4)


def drain(context: df.DurableOrchestrationContext, tasks: list[Any]) -> Generator[Any, Any, list[Any]]:
    """Run `tasks` together and return the outcome of each, in order: its result, or its exception.

    `task_all` gives up at the first failure while others still run, so each task is then awaited once more. At most
    some 900 tasks: the SDK recurses over those that are already done.
    """
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


def failure_text(failure: Exception) -> str:
    """Return the text of an activity's failure, without the host's prefix and the lines of a trace."""
    text = first_line(failure)
    before, _, after = text.partition("' failed:")
    return after.strip() if after and before.startswith("Activity function '") else text
