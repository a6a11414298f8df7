"""One contestant in a process of its own, so that what it costs is what that process used.

`apart(function, ...)` runs a module-level function there and gives back what its `Meter` measured. Only the code in
the `with meter` block counts: imports and warming up do not.
"""

import asyncio
import importlib
import inspect
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from local.benchmarks.findings import Value

PATIENCE_SECONDS = 900.0


@dataclass(slots=True)
class Meter:
    """CPU (user and system, all threads of the process) and wall time of its `with` block; `notes` are free."""

    cpu_seconds: float = 0.0
    seconds: float = 0.0
    notes: dict[str, Value] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.cpu_seconds -= time.process_time()
        self.seconds -= time.perf_counter()
        return self

    def __exit__(self, *ending: object) -> None:
        self.cpu_seconds += time.process_time()
        self.seconds += time.perf_counter()


def apart(function: Callable[..., Any], **arguments: Value) -> Meter:
    """Call `function(meter, **arguments)`, async or not, in a new process; raises CalledProcessError if it fails."""
    command = [sys.executable, "-m", "local.benchmarks.contestant", function.__module__, function.__name__]
    done = subprocess.run(
        command, input=json.dumps(arguments), stdout=subprocess.PIPE, text=True, check=True, timeout=PATIENCE_SECONDS
    )
    return Meter(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    module, name = sys.argv[1:]
    function, arguments, meter = getattr(importlib.import_module(module), name), json.load(sys.stdin), Meter()
    if inspect.iscoroutinefunction(function):
        asyncio.run(function(meter, **arguments))
    else:
        function(meter, **arguments)
    print(json.dumps(asdict(meter)))


if __name__ == "__main__":
    main()
