"""Rehearse the orchestrator: from hand-written outcomes to the sequence of its calls."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ingestion.contracts import (
    EnqueueRequest,
    FailedChunks,
    FetchRequest,
    FinishRequest,
    LoadRequest,
    Run,
    RunRequest,
    RunState,
)
from ingestion.run.run_state import start
from ingestion.wire import from_wire, to_wire
from orchestrators.ingest_run import ingest_run

RUN = Run("run-1", "20260101T000000-aa")
STARTED_AT = "2026-01-01T00:00:00+00:00"
NOW = datetime(2026, 1, 1, 0, 10, tzinfo=UTC)
ORCHESTRATE = ingest_run._function.get_user_function().orchestrator_function

INPUTS: dict[str, type[Any]] = {
    "fetch_batch": FetchRequest,
    "enqueue_chunk": EnqueueRequest,
    "record_window": RunState,
    "record_failed": FailedChunks,
    "load_failed": LoadRequest,
    "finish_run": FinishRequest,
}

Outcome = dict[str, Any] | Exception | None
Answer = Callable[[str, dict[str, Any]], Outcome]


@dataclass
class Task:
    """One scheduled call, and its result after the orchestrator has waited for it."""

    name: str
    payload: Any
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def __str__(self) -> str:
        match self.name:
            case "fetch_batch":
                return f"fetch_batch {self.payload['batch_index']}"
            case "enqueue_chunk":
                return f"enqueue_chunk {self.payload['chunk'][0]}"
            case "timer" | "event":
                return f"{self.name} {self.payload}"
            case _:
                return self.name


@dataclass
class First:
    """A task_any."""

    tasks: list[Task]


@dataclass
class FakeContext:
    """The part of the durable context that the orchestrator uses; it records all calls."""

    state: dict[str, Any]
    instance_id: str = "run-1"
    current_utc_datetime: datetime = NOW
    progress: list[Any] = field(default_factory=list)
    continued_with: dict[str, Any] | None = None

    def get_input(self) -> dict[str, Any]:
        return self.state

    def set_custom_status(self, status: Any) -> None:
        self.progress.append(status)

    def call_activity_with_retry(self, function: Any, retry: Any, payload: Any) -> Task:
        name = function._function.get_function_name()
        json.dumps(payload)
        assert to_wire(from_wire(INPUTS[name], payload)) == payload, "what is sent is what the activity reads"
        return Task(name, payload)

    def create_timer(self, fire_at: datetime) -> Task:
        return Task("timer", fire_at.isoformat())

    def wait_for_external_event(self, name: str) -> Task:
        return Task("event", name)

    def task_all(self, tasks: list[Task]) -> list[Task]:
        return tasks

    def task_any(self, tasks: list[Task]) -> First:
        return First(tasks)

    def continue_as_new(self, state: dict[str, Any]) -> None:
        self.continued_with = state


@dataclass
class Generation:
    """One generation: its calls, window by window, and its end."""

    state: dict[str, Any]  # at its beginning
    windows: list[list[str]]
    tasks: list[Task]
    progress: list[Any]
    continued_with: dict[str, Any] | None
    report: dict[str, Any] | None
    error: Exception | None

    def payloads(self, name: str) -> list[Any]:
        """Return the payloads of one activity's calls."""
        return [task.payload for task in self.tasks if task.name == name]

    @property
    def activities(self) -> int:
        """Return the number of activity calls."""
        return sum(task.name in INPUTS for task in self.tasks)


def rehearse(
    answer: Answer, state: dict[str, Any] | None = None, *, first_to_come: str = "timer", now: datetime = NOW
) -> Generation:
    """Run one generation; `answer` returns the outcome of an activity for its name and payload.

    `first_to_come` says whether the timer or the event ends a wait for both.
    """
    context = FakeContext(state or first_state(), current_utc_datetime=now)
    generator = ORCHESTRATE(context)
    generation = Generation(context.state, [], [], context.progress, None, None, None)
    given_to: dict[int, Any] = {}  # by task: each is done once, and after a failure waited for twice

    def outcome(task: Task) -> Any:
        if id(task) not in given_to:
            given_to[id(task)] = None if task.name in ("timer", "event") else answer(task.name, task.payload)
        return given_to[id(task)]

    try:
        waited = next(generator)
        while True:
            failed = None
            if isinstance(waited, First):
                generation.windows.append([f"first of {', '.join(map(str, waited.tasks))}"])
                generation.tasks.extend(waited.tasks)
                given: Any = next(task for task in waited.tasks if task.name == first_to_come)
            elif isinstance(waited, Task):  # the second look at each task, after task_all gave up
                given = outcome(waited)
                failed = given if isinstance(given, Exception) else None
            else:
                generation.windows.append([str(task) for task in waited])
                generation.tasks.extend(waited)
                given = [outcome(task) for task in waited]
                failed = next((one for one in given if isinstance(one, Exception)), None)
            waited = generator.throw(failed) if failed else generator.send(given)
    except StopIteration as end:
        generation.report = end.value
    except Exception as error:
        generation.error = error
    generation.continued_with = context.continued_with
    return generation


def rehearse_all(answer: Answer, state: dict[str, Any] | None = None) -> list[Generation]:
    """Run generation after generation until the run ends."""
    generations = [rehearse(answer, state)]
    while (following := generations[-1].continued_with) is not None:
        generations.append(rehearse(answer, following))
        assert len(generations) < 200, "the run goes on for ever"
    return generations


def first_state(chunk_size: int = 10, chunks_per_batch: int = 3, **asked: Any) -> dict[str, Any]:
    """Return the input of a run's first generation."""
    request = RunRequest(source="demo", chunk_size=chunk_size, chunks_per_batch=chunks_per_batch, **asked)
    state: RunState = start(RUN, request, STARTED_AT)
    return to_wire(state)
