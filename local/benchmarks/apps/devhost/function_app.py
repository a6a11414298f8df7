"""Activities that do nothing, fanned out at once or in windows.

Served by devhost for the scenario `devhost`.
"""

import time
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

app = df.DFApp()
begun: list[float] = []  # when each window reached its first activity


@app.activity_trigger(input_name="number")
def nothing(number: int) -> int:
    """Give back what came."""
    return number


@app.activity_trigger(input_name="number")
def begin(number: int) -> None:
    """Note the time."""
    begun.append(time.perf_counter())


@app.orchestration_trigger(context_name="context")
def fan_out(context: df.DurableOrchestrationContext) -> Generator[Any, Any, int]:
    """So many at once."""
    results = yield context.task_all([context.call_activity(nothing, n) for n in range(context.get_input())])
    return sum(results)


@app.orchestration_trigger(context_name="context")
def windows(context: df.DurableOrchestrationContext) -> Generator[Any, Any, list | None]:
    """So many windows of so many, each a generation; then the times."""
    plan = context.get_input()
    yield context.call_activity(begin, 0)
    if plan["windows"] == 0:
        return list(begun)
    yield context.task_all([context.call_activity(nothing, n) for n in range(plan["width"])])
    context.continue_as_new({**plan, "windows": plan["windows"] - 1})
    return None
