"""An orchestration of a million generations may run for weeks: neither memory nor the state file may grow with it."""

import gc
import sys
from pathlib import Path

from local.devhost.testing import RunningApp, running_app
from tests.devhost.app_folder import ORCHESTRATIONS

GENERATIONS = 500


def run_generations(app: RunningApp, count: int) -> int:
    """Return the number of memory blocks in use after this many generations of an instance."""
    instance_id = app.start("generations", {"left": count, "sum": 0})
    app.result(instance_id)
    app.call(app.hub.purge(instance_id))
    app.lines.clear()
    gc.collect()
    return sys.getallocatedblocks()


def test_memory_and_state_file_stay_flat_over_generations(tmp_path: Path) -> None:
    state_file = tmp_path / "state.db"
    with running_app(ORCHESTRATIONS, state_file=state_file) as app:
        run_generations(app, 100)
        before, size = run_generations(app, 100), state_file.stat().st_size
        after = run_generations(app, GENERATIONS)
        assert after - before < GENERATIONS / 2
        assert state_file.stat().st_size <= 2 * size
