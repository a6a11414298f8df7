"""What devhost's engine costs per activity, beside the in-memory backend of `durabletask.testing`.

SIZE counts activities that do nothing, fanned out at once: `devhost` keeps its SQLite file on disk, `in_memory` keeps
nothing; both run the activities as plain functions in threads. `windows` is devhost with ten times as many, a hundred
in each generation; `first_tenth_us` and `last_tenth_us` are its microseconds per activity at the beginning and at the
end. Every contestant is a process of its own, and only the time from the start of the orchestration to its end counts.
"""

import logging
import socket
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

from local.benchmarks.contestant import Meter, apart
from local.benchmarks.findings import Findings, Row, Value, median, median_ratio, of, spread

SIZE = 2_000
WINDOW = 100
TIMES_MORE = 10  # activities in all windows
APP = Path(__file__).parents[1] / "apps" / "devhost"
PATIENCE_SECONDS = 300


def measure(size: int, repeats: int) -> Findings:
    rows: list[Row] = []
    for repeat in range(repeats):
        for name, contestant, count in (
            ("devhost", fan_out_on_devhost, size),
            ("in_memory", fan_out_in_memory, size),
            ("windows", windows_on_devhost, size * TIMES_MORE),
        ):
            meter = apart(contestant, count=count)
            tenths: dict[str, Value] = {"first_tenth_us": 0.0, "last_tenth_us": 0.0, **meter.notes}
            rows.append({
                "contestant": name,
                "repeat": repeat,
                "activities": count,
                "seconds": meter.seconds,
                "cpu_seconds": meter.cpu_seconds,
                **tenths,
            })  # fmt: skip
            print(*rows[-1].values(), flush=True)
    line: Row = {"activities": size, "activities_in_windows": size * TIMES_MORE}
    for name in ("devhost", "in_memory"):
        line[f"{name}_seconds"] = median(of(rows, name, "seconds"))
        line[f"{name}_spread"] = spread(of(rows, name, "seconds")).partition(" ")[2].strip("()")
    line["ratio"] = median_ratio(rows, "seconds", "devhost", "in_memory")
    for column in ("first_tenth_us", "last_tenth_us"):
        line[column] = median(of(rows, "windows", column))
    pairs = zip(of(rows, "windows", "last_tenth_us"), of(rows, "windows", "first_tenth_us"), strict=True)
    line["last_to_first_tenth"] = median(last / first for last, first in pairs)
    return Findings(rows=rows, line=line)


def fan_out_on_devhost(meter: Meter, count: int) -> None:
    assert on_devhost(meter, "fan_out", count) == sum(range(count))


def windows_on_devhost(meter: Meter, count: int) -> None:
    windows = max(1, count // WINDOW)
    begun = on_devhost(meter, "windows", {"windows": windows, "width": WINDOW})
    assert len(begun) == windows + 1, begun
    tenth = max(1, windows // 10)
    meter.notes["first_tenth_us"] = (begun[tenth] - begun[0]) / (tenth * WINDOW) * 1e6
    meter.notes["last_tenth_us"] = (begun[-1] - begun[-1 - tenth]) / (tenth * WINDOW) * 1e6


def on_devhost(meter: Meter, orchestrator: str, value: Any) -> Any:
    from local.devhost.hub.clock import RealClock
    from local.devhost.testing import running_app

    with (
        tempfile.TemporaryDirectory() as folder,
        running_app(APP, state_file=Path(folder) / "devhost.db", clock=RealClock()) as app,
        meter,
    ):
        return app.result(app.start(orchestrator, value))


def fan_out_in_memory(meter: Meter, count: int) -> None:
    from durabletask import task
    from durabletask.client import TaskHubGrpcClient
    from durabletask.testing import create_test_backend
    from durabletask.worker import TaskHubGrpcWorker

    def nothing(context: Any, number: int) -> int:
        return number

    def fan_out(context: Any, wanted: int) -> Generator[Any, Any, int]:
        results = yield task.when_all([context.call_activity(nothing, input=n) for n in range(wanted)])
        return sum(results)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    silent = logging.getLogger("silent")
    silent.setLevel(logging.ERROR)
    backend = create_test_backend(port=port, max_history_size=10 * count)
    try:
        with TaskHubGrpcWorker(host_address=f"127.0.0.1:{port}", logger=silent) as entered:
            worker: Any = entered  # some of its methods carry no types
            worker.add_activity(nothing)
            worker.add_orchestrator(fan_out)
            worker.start()
            client: Any = TaskHubGrpcClient(host_address=f"127.0.0.1:{port}", logger=silent)
            with meter:
                instance_id = client.schedule_new_orchestration(fan_out, input=count)
                state = client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE_SECONDS)
            assert state is not None
            assert state.serialized_output == str(sum(range(count))), state
    finally:
        backend.stop()
