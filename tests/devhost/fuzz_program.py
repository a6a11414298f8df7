"""Random orchestrators: what they do is drawn from a seed, what they return does not depend on who is faster.

Enters: a seed. Leaves: a `Program`, and the orchestrator that runs it. A program is drawn again in every replay, from
its seed and its place among the sub-orchestrations, so that nothing but that crosses the durable boundary.
"""

import random
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import islice
from typing import Any

import azure.durable_functions as df

ALWAYS = 99
Steps = Generator[Any, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing to wait for. `failures` is how many of its first attempts fail, `attempts` 0 means: without retry."""

    kind: str  # activity, child, timer, event, all, any
    label: str
    failures: int = 0
    attempts: int = 0
    seconds: int = 0
    named: bool = False
    parts: tuple["Part", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Some parts and the way they are waited for: the name of one of the methods below."""

    way: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The steps of each generation."""

    generations: tuple[tuple[Step, ...], ...]


DRAINED = ("one", "one_caught", "drained")
FREE = (*DRAINED, "all_caught", "all_uncaught", "any_left", "any_to_the_end", "window", "race", "nested")


@cache
def draw(seed: int, place: str, is_drained: bool) -> Program:
    """Draw the program of one place: the top one, or a sub-orchestration of it."""
    rng = random.Random(f"{seed}/{place}")
    depth = place.count(".")
    generations = []
    for generation in range(rng.choice((1, 1, 1, 1, 1, 2)) if depth == 0 else 1):
        count = rng.choice((1, 2, 2)) if depth == 0 else 1
        ways = [rng.choice(DRAINED if is_drained else FREE) for _ in range(count)]
        generations.append(
            tuple(_draw_step(rng, f"{place}.{generation}{number}", way, depth) for number, way in enumerate(ways))
        )
    return Program(generations=tuple(generations))


def _draw_step(rng: random.Random, label: str, way: str, depth: int) -> Step:
    if way.startswith("one"):
        return Step(way=way, parts=(_draw_part(rng, label, depth, fails=way == "one_caught"),))
    if way == "race":
        timer = Part(kind="timer", label=label, seconds=rng.randint(1, 3))
        return Step(way=way, parts=(timer, Part(kind="event", label=f"{label}-event")))
    fails = way != "all_uncaught"
    parts = [
        _draw_part(rng, f"{label}{'abcdefg'[n]}", depth, fails=fails)
        for n in range(rng.randint(2 if way == "window" else 1, 4))
    ]
    if way == "nested":
        cut = rng.randint(0, len(parts))
        inner = Part(kind=rng.choice(("all", "any")), label=label, parts=tuple(parts[:cut]))
        parts = [*parts[cut:], inner]
    return Step(way=way, parts=tuple(parts))


def _draw_part(rng: random.Random, label: str, depth: int, *, fails: bool) -> Part:
    kind = rng.choices(("activity", "child", "timer", "event"), (78, 6 if depth < 2 else 0, 8, 8))[0]
    return Part(
        kind=kind,
        label=label,
        failures=rng.choices((0, 1, ALWAYS), (70, 15, 15) if fails else (90, 5, 5))[0],
        attempts=rng.choice((0, 0, 0, 1, 2, 3)),
        seconds=rng.randint(1, 3),
        named=rng.random() < 0.3,
    )


def program(context: df.DurableOrchestrationContext) -> Steps:
    """Run the program of a seed and place; the result lists what each step brought."""
    plan = context.get_input()
    drawn = draw(plan["seed"], plan["place"], plan["is_drained"])
    results, run = plan["results"], _Run(context, plan)
    for step in drawn.generations[plan["generation"]]:
        results.append((yield from getattr(run, step.way)(step.parts)))
    if plan["failures"]:
        raise RuntimeError("no")
    if plan["generation"] + 1 < len(drawn.generations):
        context.continue_as_new({**plan, "generation": plan["generation"] + 1, "results": results})
        return None
    return results


class _Run:
    """One replay of a program; the methods named by FREE take one step each."""

    def __init__(self, context: df.DurableOrchestrationContext, plan: dict[str, Any]) -> None:
        self.context, self.plan = context, plan

    def call_all(self, parts: tuple[Part, ...]) -> list[Any]:
        return [self.call(part) for part in parts]

    def call(self, part: Part) -> Any:
        context, plan = self.context, self.plan
        again = df.RetryOptions(2_500, part.attempts) if part.attempts else None
        if part.kind in ("all", "any"):
            inner = self.call_all(part.parts)
            return context.task_all(inner) if part.kind == "all" else context.task_any(inner)
        if part.kind == "timer":
            # Timers fire at half seconds, all else happens at others: no tie depends on how often time was read.
            now = context.current_utc_datetime.replace(microsecond=0)
            return context.create_timer(now + timedelta(seconds=part.seconds + 0.5))
        if part.kind == "event":
            return context.wait_for_external_event(part.label)
        if part.kind == "activity":
            value = {"seed": plan["seed"], "label": part.label, "failures": part.failures, "seconds": part.seconds}
            if again:
                return context.call_activity_with_retry("work", again, value)
            return context.call_activity("work", value)
        below = {**plan, "place": part.label, "generation": 0, "results": [], "failures": part.failures}
        child_id = f"{context.instance_id}-{part.label}" if part.named else None
        if again:
            return context.call_sub_orchestrator_with_retry("program", again, below, child_id)
        return context.call_sub_orchestrator("program", below, child_id)

    def one(self, parts: tuple[Part, ...]) -> Steps:
        return (yield self.call(parts[0]))

    def one_caught(self, parts: tuple[Part, ...]) -> Steps:
        return (yield from _outcome(self.call(parts[0])))

    def drained(self, parts: tuple[Part, ...]) -> Steps:
        tasks = self.call_all(parts)
        try:
            return (yield self.context.task_all(tasks))
        except Exception:
            results = []
            for task in tasks:
                results.append((yield from _outcome(task)))
            return results

    def all_caught(self, parts: tuple[Part, ...]) -> Steps:
        try:
            return (yield self.context.task_all(self.call_all(parts)))
        except Exception:
            return "one failed"

    def all_uncaught(self, parts: tuple[Part, ...]) -> Steps:
        return (yield self.context.task_all(self.call_all(parts)))

    def any_left(self, parts: tuple[Part, ...]) -> Steps:
        tasks = self.call_all(parts)
        winner = yield self.context.task_any(tasks)
        return "any" if winner in tasks else "a stranger"

    def any_to_the_end(self, parts: tuple[Part, ...]) -> Steps:
        return (yield from self.collect(self.call_all(parts), iter(())))

    def window(self, parts: tuple[Part, ...]) -> Steps:
        following = (self.call(part) for part in parts)
        return (yield from self.collect(list(islice(following, len(parts) // 2)), following))

    def race(self, parts: tuple[Part, ...]) -> Steps:
        timer, event = self.call_all(parts)
        if (yield self.context.task_any([timer, event])) is event:
            timer.cancel()
        return "race"

    def nested(self, parts: tuple[Part, ...]) -> Steps:
        try:
            results = yield self.context.task_all(self.call_all(parts))
        except Exception:
            return "one failed"
        return "any" if parts[-1].kind == "any" else results

    def collect(self, waiting: list[Any], following: Iterator[Any]) -> Steps:
        results, width = [], len(waiting)
        while waiting:
            winner = yield self.context.task_any(waiting)
            waiting.remove(winner)
            results.append("failed" if isinstance(winner.result, Exception) else winner.result)
            waiting.extend(islice(following, width - len(waiting)))
        return sorted(results, key=str)


def _outcome(task: Any) -> Steps:
    try:
        return (yield task)
    except Exception:
        return "failed"
