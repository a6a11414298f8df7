"""One orchestrator per thing that devhost promises to run."""

import contextlib
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
RETRY = df.RetryOptions(3_600_000, 3)  # an hour: whoever waits for it in earnest, waits for ever
attempts: dict[str, int] = {}


@app.activity_trigger(input_name="value")
def double(value: int) -> int:
    return value * 2


@app.activity_trigger(input_name="value")
async def double_async(value: int) -> int:
    return value * 2


@app.activity_trigger(input_name="text")
def fail(text: str) -> None:
    raise ValueError(text)


@app.activity_trigger(input_name="plan")
def fail_first(plan: dict) -> str:
    key = plan["key"]
    attempts[key] = attempts.get(key, 0) + 1
    if attempts[key] <= plan["failures"]:
        raise RuntimeError(f"attempt {attempts[key]}")
    return f"{key} after {attempts[key]}"


@app.orchestration_trigger(context_name="context")
def chain(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    value = context.get_input()
    value = yield context.call_activity(double, value)
    value = yield context.call_activity("double_async", value)
    return value


@app.orchestration_trigger(context_name="context")
def fan_out(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    results = yield context.task_all([context.call_activity(double, n) for n in range(context.get_input())])
    context.set_custom_status({"summed": len(results)})
    return sum(results)


@app.orchestration_trigger(context_name="context")
def uncaught(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    yield context.call_activity(fail, "no luck")


@app.orchestration_trigger(context_name="context")
def drained(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    plans = [{"key": f"{context.instance_id}-{n}", "failures": n} for n in range(5)]
    tasks = [context.call_activity_with_retry(fail_first, RETRY, plan) for plan in plans]
    outcomes = []
    with contextlib.suppress(Exception):
        yield context.task_all(tasks)
    for task in tasks:
        try:
            outcomes.append((yield task).rsplit("-", 1)[1])
        except Exception as error:
            outcomes.append(str(error).split("\n")[0].strip())
    last = yield context.call_activity(double, 21)
    return [*outcomes, last]


@app.orchestration_trigger(context_name="context")
def follow_up_too_early(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    slow = context.call_activity_with_retry(fail_first, RETRY, {"key": context.instance_id, "failures": 1})
    with contextlib.suppress(Exception):
        yield context.task_all([context.call_activity(fail, "at once"), slow])
    value = yield context.call_activity(double, 4)
    late = yield slow
    return [value, late]


@app.orchestration_trigger(context_name="context")
def window(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    waiting = [context.call_activity(double, n) for n in range(2)]
    results, following = [], 2
    while waiting:
        winner = yield context.task_any(waiting)
        waiting.remove(winner)
        results.append(winner.result)
        if following < 6:
            waiting.append(context.call_activity(double, following))
            following += 1
    return sorted(results)


@app.orchestration_trigger(context_name="context")
def approval(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    deadline = context.current_utc_datetime + timedelta(hours=2)
    timer = context.create_timer(deadline)
    approved = context.wait_for_external_event("Approval")
    winner = yield context.task_any([approved, timer])
    if winner == timer:
        return "timed out"
    timer.cancel()
    value = yield context.call_activity(double, 1)
    return {"approved": approved.result, "value": value}


@app.orchestration_trigger(context_name="context")
def sleeper(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    for _ in range(3):
        yield context.create_timer(context.current_utc_datetime + timedelta(days=1))
    return str(context.current_utc_datetime)


@app.orchestration_trigger(context_name="context")
def three_events(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    names = []
    for _ in range(3):
        names.append((yield context.wait_for_external_event("Tick")))
    return names


@app.orchestration_trigger(context_name="context")
def generations(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    state = context.get_input()
    value = yield context.call_activity(double, state["left"])
    context.set_custom_status({"left": state["left"]})
    if state["left"] == 0:
        return state["sum"]
    context.continue_as_new({"left": state["left"] - 1, "sum": state["sum"] + value})
    return None


@app.orchestration_trigger(context_name="context")
def parent(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    results = yield context.task_all([context.call_sub_orchestrator("chain", n) for n in range(3)])
    try:
        yield context.call_sub_orchestrator_with_retry("uncaught", RETRY)
    except Exception as error:
        results.append("no luck" in str(error))
    return results


@app.orchestration_trigger(context_name="context")
def versioned_child(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    yield context.call_sub_orchestrator("plain", version="9")


@app.orchestration_trigger(context_name="context")
def big_status(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    context.set_custom_status("\u00e9" * context.get_input()["characters"])
    yield context.call_activity(double, 1)


@app.orchestration_trigger(context_name="context")
def nested_failure(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    late = context.create_timer(context.current_utc_datetime + timedelta(minutes=1))
    inner = context.task_all([context.call_activity(fail, "inner"), late])
    with contextlib.suppress(Exception):
        yield context.task_all([inner, context.call_activity(double, 1)])
    yield context.create_timer(context.current_utc_datetime + timedelta(hours=1))


@app.orchestration_trigger(context_name="context")
def one_by_one(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    tasks = [context.call_activity(double, n) for n in range(context.get_input())]
    total = sum((yield context.task_all(tasks)))
    for task in tasks:
        total -= yield task
    return total


@app.orchestration_trigger(context_name="context")
def unknown_activity(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    yield context.call_activity("nowhere")


@app.orchestration_trigger(context_name="context")
def entity_caller(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    yield context.call_entity(df.EntityId("counter", "one"), "add", 1)


@app.orchestration_trigger(context_name="context")
def stuck(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    tasks = [context.call_activity(double, n) for n in range(2)]
    everything = context.task_all(tasks)
    yield context.task_any(tasks)
    yield everything


@app.orchestration_trigger(context_name="context")
def unserialisable(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    yield context.call_activity(double, 1)
    return {1, 2}


@app.orchestration_trigger(context_name="context")
def no_task(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    yield 5


@app.orchestration_trigger(context_name="context")
def plain(context: df.DurableOrchestrationContext) -> str:
    return "no yield"


@app.orchestration_trigger(context_name="context")
def guids(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    first = [context.new_uuid(), str(context.new_guid()), str(context.current_utc_datetime)]
    yield context.call_activity(double, 1)
    yield context.call_activity(double, 2)
    return first
