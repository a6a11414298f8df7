"""Orchestrators that no transcript of the real host has: odd ones, long ones, and those that devhost refuses."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import azure.durable_functions as df

app = df.DFApp()
Context: TypeAlias = df.DurableOrchestrationContext
Steps: TypeAlias = Generator[Any, Any, Any]


@app.activity_trigger(input_name="value")
def double(value: int) -> int:
    return value * 2


@app.activity_trigger(input_name="text")
def fail(text: str) -> None:
    raise ValueError(text)


@app.activity_trigger(input_name="gate")
def hold(gate: str) -> None:
    while Path(gate).exists():
        time.sleep(0.01)


@app.orchestration_trigger(context_name="context")
def plain(context: Context) -> str:
    return "no yield"


@app.orchestration_trigger(context_name="context")
def fan_out(context: Context) -> Steps:
    return sum((yield context.task_all([context.call_activity(double, n) for n in range(context.get_input())])))


@app.orchestration_trigger(context_name="context")
def generations(context: Context) -> Steps:
    state = context.get_input()
    value = yield context.call_activity(double, state["left"])
    context.set_custom_status({"left": state["left"]})
    if state["left"] == 0:
        return state["sum"]
    context.continue_as_new({"left": state["left"] - 1, "sum": state["sum"] + value})
    return None


@app.orchestration_trigger(context_name="context")
def guids(context: Context) -> Steps:
    first = [context.new_uuid(), str(context.new_guid()), str(context.current_utc_datetime)]
    yield context.call_activity(double, 1)
    yield context.call_activity(double, 2)
    return first


@app.orchestration_trigger(context_name="context")
def nap(context: Context) -> Steps:
    begun = context.current_utc_datetime
    yield context.create_timer(begun + timedelta(days=context.get_input()))
    return (context.current_utc_datetime - begun).total_seconds()


@app.orchestration_trigger(context_name="context")
def cancelled_nap(context: Context) -> Steps:
    timer = context.create_timer(context.current_utc_datetime + timedelta(days=context.get_input()))
    yield context.task_any([timer, context.wait_for_external_event("go")])
    timer.cancel()


@app.orchestration_trigger(context_name="context")
def timer_of_the_year_one(context: Context) -> Steps:
    return (yield context.create_timer(datetime.min.replace(tzinfo=UTC)))


@app.orchestration_trigger(context_name="context")
def timer_beside_activity(context: Context) -> Steps:
    timer = context.create_timer(context.current_utc_datetime)
    winner = yield context.task_any([timer, context.call_activity(hold, context.get_input())])
    context.set_custom_status("timer" if winner is timer else "activity")


@app.orchestration_trigger(context_name="context")
def big_status(context: Context) -> Steps:
    context.set_custom_status("\u00e9" * context.get_input())
    yield context.call_activity(double, 1)


@app.orchestration_trigger(context_name="context")
def status_of_the_generation_before(context: Context) -> Steps:
    if context.get_input() is None:
        context.set_custom_status("old")
        context.continue_as_new(1)
        return
    yield context.wait_for_external_event("go")
    yield context.wait_for_external_event("on")


@app.orchestration_trigger(context_name="context")
def odd_text_of_an_activity(context: Context) -> Steps:
    yield context.call_activity(fail, "half \ud83d")


@app.orchestration_trigger(context_name="context")
def changed_code(context: Context) -> Steps:
    yield context.wait_for_external_event("go")
    yield context.call_activity(double if context.is_replaying else fail, 1)


@app.orchestration_trigger(context_name="context")
def parent(context: Context) -> Steps:
    yield context.call_sub_orchestrator(*context.get_input())


@app.orchestration_trigger(context_name="context")
def no_generator(context: Context) -> None:
    raise ValueError("own error, half \ud83d")


@app.orchestration_trigger(context_name="context")
def uncaught(context: Context) -> Steps:
    yield context.call_activity(fail, "no luck")


@app.orchestration_trigger(context_name="context")
def leaves(context: Context) -> Steps:
    yield context.call_activity(double, 1)
    sys.exit(3)


@app.orchestration_trigger(context_name="context")
def cancelled(context: Context) -> Steps:
    yield context.call_activity(double, 1)
    raise asyncio.CancelledError


@app.orchestration_trigger(context_name="context")
def unserialisable(context: Context) -> Steps:
    yield context.call_activity(double, 1)
    return {1, 2}


@app.orchestration_trigger(context_name="context")
def nested_failure(context: Context) -> Steps:
    late = context.create_timer(context.current_utc_datetime + timedelta(minutes=1))
    inner = context.task_all([context.call_activity(fail, "inner"), late])
    with contextlib.suppress(Exception):
        yield context.task_all([inner, context.call_activity(double, 1)])
    yield context.create_timer(context.current_utc_datetime + timedelta(hours=1))


@app.orchestration_trigger(context_name="context")
def one_by_one(context: Context) -> Steps:
    tasks = [context.call_activity(double, n) for n in range(context.get_input())]
    total = sum((yield context.task_all(tasks)))
    for task in tasks:
        total -= yield task
    return total


@app.orchestration_trigger(context_name="context")
def retry_in_a_million_years(context: Context) -> Steps:
    yield context.call_activity_with_retry(fail, df.RetryOptions(10**17, 2), "no luck")


@app.orchestration_trigger(context_name="context")
def no_attempts(context: Context) -> Steps:
    yield context.call_activity_with_retry(double, df.RetryOptions(1, 0), 1)


@app.orchestration_trigger(context_name="context")
def naive_time(context: Context) -> Steps:
    yield context.create_timer(datetime(2030, 1, 1))


@app.orchestration_trigger(context_name="context")
def entity_caller(context: Context) -> Steps:
    yield context.call_entity(df.EntityId("counter", "one"), "add", 1)


@app.orchestration_trigger(context_name="context")
def versioned_child(context: Context) -> Steps:
    yield context.call_sub_orchestrator("plain", version="9")
