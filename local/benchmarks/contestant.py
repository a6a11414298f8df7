"""Run a contestant, one of the programs that a scenario compares, in a separate process.

So its cost is the cost of that process. Only the code in the `with meter` block counts, not imports and warm-up.
"""

import asyncio
import inspect
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, Self

from local.benchmarks.findings import Figures, Value


@dataclass(slots=True)
class Meter:
    """Measures CPU (user and system, all threads) and wall time of its `with` block; `notes` has other figures."""

    cpu_seconds: float = 0.0
    seconds: float = 0.0
    notes: Figures = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.cpu_seconds -= time.process_time()
        self.seconds -= time.perf_counter()
        return self

    def __exit__(self, *ending: object) -> None:
        self.cpu_seconds += time.process_time()
        self.seconds += time.perf_counter()


def apart(function: Callable[..., Any], **arguments: Value) -> Meter:
    """Call `function(meter, **arguments)`, async or not, in a new process; return its measurements."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_measured, function, arguments).result()


def _measured(function: Callable[..., Any], arguments: dict[str, Value]) -> Meter:
    meter = Meter()
    if inspect.iscoroutinefunction(function):
        asyncio.run(function(meter, **arguments))
    else:
        function(meter, **arguments)
    return meter
