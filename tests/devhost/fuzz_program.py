"""Random orchestrators: a seed determines what they do, and their result does not depend on timing.

A program is the orchestrator's input in JSON: its generations, each a list of steps. A step has the parts to wait for,
and how to wait: the name of a method of `_Run`.
"""

from collections.abc import Generator
from datetime import timedelta
from functools import partial
from itertools import islice
from random import Random
from string import ascii_lowercase
from typing import Any, TypeAlias

import azure.durable_functions as df

Json: TypeAlias = dict[str, Any]
Steps: TypeAlias = Generator[Any, Any, Any]
Calls: TypeAlias = list[partial[Any]]

ALWAYS = 99  # as many failures as no retry outlasts
DRAINED = ("one", "one_caught", "drained")
FREE = (*DRAINED, "all_caught", "all_uncaught", "any_left", "any_to_the_end", "window", "race", "nested")
_DEEPEST = 2  # sub-orchestrations below a program


def draw(random: Random, ways: tuple[str, ...], depth: int = 0) -> Json:
    """Draw a program whose steps are of these kinds; a sub-orchestration has one step."""
    counts = random.choice(((1,), (2,), (2,), (1,), (2,), (1, 2))) if depth == 0 else (1,)
    return {"generations": [[_draw_step(random, ways, depth) for _ in range(count)] for count in counts]}


def _draw_step(random: Random, ways: tuple[str, ...], depth: int) -> Json:
    way = random.choice(ways)
    if way == "race":
        return {"way": way, "parts": [{"kind": "timer", "seconds": random.randint(1, 3)}, {"kind": "event"}]}
    count = 1 if way.startswith("one") else random.randint(2 if way == "window" else 1, 4)
    often = (90, 5, 5) if way in ("one", "all_uncaught") else (70, 15, 15)
    parts = [_draw_part(random, ways, depth, often) for _ in range(count)]
    if way == "nested":
        cut = random.randint(0, count)
        parts = [*parts[cut:], {"kind": random.choice(("all", "any")), "parts": parts[:cut]}]
    return {"way": way, "parts": parts}


def _draw_part(random: Random, ways: tuple[str, ...], depth: int, often: tuple[int, int, int]) -> Json:
    """Draw a part; this many of its first attempts fail; 0 attempts means a call without retry."""
    kind = random.choices(("activity", "child", "timer", "event"), (78, 6 if depth < _DEEPEST else 0, 8, 8))[0]
    return {
        "kind": kind,
        "failures": random.choices((0, 1, ALWAYS), often)[0],
        "attempts": random.choice((0, 0, 0, 1, 2, 3)),
        "seconds": random.randint(1, 3),
        "is_named": random.random() < 0.3,
        **(draw(random, ways, depth + 1) if kind == "child" else {}),
    }


def program(context: df.DurableOrchestrationContext) -> Steps:
    """Run a program; the result has the result of each step. `place` is its place below its `root`."""
    plan = context.get_input()
    generation, *later = plan["generations"]
    results, run = plan["results"], _Run(context, plan)
    for number, step in enumerate(generation):
        calls = run.plan_calls(step["parts"], f"{plan['place']}.{number}")
        results.append((yield from getattr(run, step["way"])(calls)))
    if plan["failures"]:
        raise RuntimeError("no")
    if later:
        context.continue_as_new({**plan, "generations": later, "place": f"{plan['place']}+", "results": results})
        return None
    return results


class _Run:
    """One replay of a program; the methods named by FREE take one step each, and begin its parts by their calls."""

    def __init__(self, context: df.DurableOrchestrationContext, plan: Json) -> None:
        self.context, self.plan = context, plan

    def plan_calls(self, parts: list[Json], place: str) -> Calls:
        return [
            partial(self.begin, part, f"{place}{letter}") for part, letter in zip(parts, ascii_lowercase, strict=False)
        ]

    def begin(self, part: Json, label: str) -> Any:
        context, kind = self.context, part["kind"]
        if kind in ("all", "any"):
            inner = _begin_all(self.plan_calls(part["parts"], label))
            return context.task_all(inner) if kind == "all" else context.task_any(inner)
        if kind == "timer":
            # Timers fire at half seconds, all else happens at others: no tie depends on how often time was read.
            now = context.current_utc_datetime.replace(microsecond=0)
            return context.create_timer(now + timedelta(seconds=part["seconds"] + 0.5))
        if kind == "event":
            return context.wait_for_external_event(label)
        again = [df.RetryOptions(2_500, part["attempts"])] if part["attempts"] else []
        if kind == "activity":
            value = {key: part[key] for key in ("failures", "seconds")} | {"root": self.plan["root"], "label": label}
            call = context.call_activity_with_retry if again else context.call_activity
            return call("work", *again, value)
        below = {**self.plan, **part, "place": label, "results": []}
        call = context.call_sub_orchestrator_with_retry if again else context.call_sub_orchestrator
        return call("program", *again, below, f"{context.instance_id}-{label}" if part["is_named"] else None)

    def one(self, calls: Calls) -> Steps:
        return (yield calls[0]())

    def one_caught(self, calls: Calls) -> Steps:
        return (yield from _outcome(calls[0]()))

    def drained(self, calls: Calls) -> Steps:
        tasks = _begin_all(calls)
        try:
            return (yield self.context.task_all(tasks))
        except Exception:
            results = []
            for task in tasks:
                results.append((yield from _outcome(task)))
            return results

    def all_caught(self, calls: Calls) -> Steps:
        return (yield from _outcome(self.context.task_all(_begin_all(calls))))

    def all_uncaught(self, calls: Calls) -> Steps:
        return (yield self.context.task_all(_begin_all(calls)))

    def any_left(self, calls: Calls) -> Steps:
        tasks = _begin_all(calls)
        winner = yield self.context.task_any(tasks)
        return "any" if winner in tasks else "a stranger"

    def any_to_the_end(self, calls: Calls) -> Steps:
        return (yield from self.collect(calls, len(calls)))

    def window(self, calls: Calls) -> Steps:
        return (yield from self.collect(calls, len(calls) // 2))

    def collect(self, calls: Calls, width: int) -> Steps:
        following = (call() for call in calls)
        waiting, results = list(islice(following, width)), []
        while waiting:
            winner = yield self.context.task_any(waiting)
            waiting.remove(winner)
            results.append("failed" if isinstance(winner.result, Exception) else winner.result)
            waiting.extend(islice(following, width - len(waiting)))
        return sorted(results, key=str)

    def race(self, calls: Calls) -> Steps:
        timer, event = _begin_all(calls)
        if (yield self.context.task_any([timer, event])) is event:
            timer.cancel()
        return "race"

    def nested(self, calls: Calls) -> Steps:
        outcome = yield from _outcome(self.context.task_all(_begin_all(calls)))
        is_any = calls[-1].args[0]["kind"] == "any"
        return "any" if is_any and outcome != "failed" else outcome


def _begin_all(calls: Calls) -> list[Any]:
    return [call() for call in calls]


def _outcome(task: Any) -> Steps:
    try:
        return (yield task)
    except Exception:
        return "failed"
