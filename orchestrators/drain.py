"""Waiting for a window: every outcome is collected before anything new is scheduled."""

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df


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
