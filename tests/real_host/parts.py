"""All parts of the comparison. A runner module offers `PARTS`: the name of each part and the function that runs it."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from local.devhost.errors import DevhostError
from tests.real_host import annotations, console, corners, exchanges, http_exchanges, orchestrations, starts, workers
from tests.real_host.rows import Row

Run: TypeAlias = Callable[[], Sequence[Row]]
RUNNERS = (
    exchanges,
    http_exchanges,
    starts,
    annotations,
    console,
    orchestrations,
    corners,
    workers,
)
PARTS: Mapping[str, Run] = {part: run for runner in RUNNERS for part, run in runner.PARTS.items()}


def run(part: str) -> Sequence[Row]:
    """Run one part; an app that devhost refuses is a difference."""
    try:
        return PARTS[part]()
    except DevhostError as error:
        return [Row("start", "the host starts", "yes", str(error))]
