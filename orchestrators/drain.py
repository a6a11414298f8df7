"""Waiting for a window: every outcome is collected before anything new is scheduled."""

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from ingestion.errors import first_line

# For lost workers and timeouts only: what is transient or permanent is dealt with where its cause is known.
RETRY = df.RetryOptions(first_retry_interval_in_milliseconds=15_000, max_number_of_attempts=4)


def drain(context: df.DurableOrchestrationContext, tasks: list[Any]) -> Generator[Any, Any, list[Any]]:
    """Run `tasks` together and return what each gave, in order: its result, or the exception it failed with.

    `task_all` gives up at the first failure while the others still run, so each task is waited for once more. At most
    some 900 tasks: the SDK recurses over those that are done already.
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
    """What an activity failed with: without the host's words in front, and the lines of traces behind."""
    text = first_line(failure)
    before, _, after = text.partition("' failed:")
    return after.strip() if after and before.startswith("Activity function '") else text
