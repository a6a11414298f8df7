"""The whole pipeline, from the HTTP start to the report, beside a bare loop against the same Azurite.

Each of the two has a fresh Azurite in each repeat, for Azurite grows slower as it fills; which goes first changes with
the repeat. Both send the same number of messages.
"""

import time

from local.benchmarks.contestant import Meter, apart
from local.benchmarks.findings import Findings, Row, median, median_ratio, of
from local.benchmarks.process import cpu_seconds_of
from local.benchmarks.sending import bare_loop, signed_path
from local.demo.run_client import RunClient, RunError
from local.demo.settings import ApiSettings
from local.demo.stack import Stack

SIZE = 200_000  # ids
REPEATS = 3
PATIENCE_SECONDS = 300.0


def measure(size: int, repeats: int) -> Findings:
    rows: list[Row] = []
    for repeat in range(repeats):
        for contestant in (sluice, bare) if repeat % 2 else (bare, sluice):
            with Stack(ApiSettings(ids=size)) as stack:
                meter = contestant(stack, size)
            rows.append({
                "contestant": contestant.__name__,
                "repeat": repeat,
                "messages": size,
                "seconds": meter.seconds,
                "per_second": size / meter.seconds,
                "cpu_ms": meter.cpu_seconds * 1000 / size,
            })  # fmt: skip
    line: Row = {
        "sluice_per_second": median(of(rows, "sluice", "per_second")),
        "bare_per_second": median(of(rows, "bare", "per_second")),
        "ratio": median_ratio(rows, "per_second", "sluice", "bare"),
    }
    return Findings(rows=rows, line=line)


def sluice(stack: Stack, size: int) -> Meter:
    """Start a run, follow it to its report; CPU is that of devhost and of its worker process with the app."""
    pids = stack.app_pids
    cpu, began = sum(map(cpu_seconds_of, pids)), time.perf_counter()
    with RunClient(stack.app_url) as client:
        run_id = client.start(source="demo")
        *_, status = client.follow(run_id, check=stack.check, patience_seconds=PATIENCE_SECONDS)
    seconds = time.perf_counter() - began
    if status["status"] != "completed" or status["report"]["enqueued"] != size:
        raise RunError(f"the run ended as {status['status']}: {status['report'] or status['error']}")
    return Meter(cpu_seconds=sum(map(cpu_seconds_of, pids)) - cpu, seconds=seconds)


def bare(stack: Stack, size: int) -> Meter:
    """A loop that does nothing but send."""
    return apart(send, queue_port=stack.azurite.ports["Queue"], connection=stack.azurite.connection_string, count=size)


async def send(meter: Meter, queue_port: int, connection: str, count: int) -> None:
    path = await signed_path(connection, "bare")
    await bare_loop(meter, f"http://127.0.0.1:{queue_port}", path, count)
