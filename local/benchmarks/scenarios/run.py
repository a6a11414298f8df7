"""The whole pipeline, from the HTTP start to the report, compared with a bare loop that sends to an Azurite too.

In each repeat both get a fresh Azurite, because Azurite becomes slower as it fills. The first to run changes from
repeat to repeat. Both send the same number of messages.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from local.benchmarks.contestant import Meter, apart
from local.benchmarks.findings import Figures
from local.benchmarks.sending import bare_loop
from local.demo.run_client import RunError
from local.demo.settings import ApiSettings
from local.demo.stack import Stack
from local.demo.usage import cpu_seconds_of

SIZE = 200_000  # ids
REPEATS = 3
COLUMNS = ("per_second",)
RATIOS = {"ratio": ("per_second", "sluice", "bare")}


def measure(size: int, repeat: int, folder: Path) -> Iterator[tuple[str, Figures]]:
    for contestant in (sluice, bare) if repeat % 2 else (bare, sluice):
        with Stack(ApiSettings(ids=size)) as stack:
            meter = contestant(stack, size)
        speed = {"seconds": meter.seconds, "per_second": size / meter.seconds}
        yield contestant.__name__, {"messages": size, **speed, "cpu_ms": meter.cpu_seconds * 1000 / size}


def sluice(stack: Stack, size: int) -> Meter:
    """Start a run and follow it to its report; measure the CPU of devhost and its worker process."""
    pids = stack.app_pids
    cpu, began = cpu_seconds_of(*pids), time.perf_counter()
    *_, status = stack.run()
    seconds = time.perf_counter() - began
    if status["status"] != "completed" or status["report"]["enqueued"] != size:
        raise RunError(f"the run ended as {status['status']}: {status['report'] or status['error']}")
    return Meter(cpu_seconds=cpu_seconds_of(*pids) - cpu, seconds=seconds)


def bare(stack: Stack, size: int) -> Meter:
    """Run a loop that only sends."""
    return apart(bare_loop, connection=stack.azurite.connection_string, count=size)
