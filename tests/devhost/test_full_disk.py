"""If the state file cannot grow, devhost ends with the reason, and nothing waits for a write that cannot happen."""

import asyncio
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest

from local.devhost.errors import DevhostError, StateFileError
from local.devhost.hub.store import Store
from local.devhost.orchestration.instance import Instance
from local.devhost.testing import running_app
from tests.devhost.app_folder import SAMPLE
from tests.devhost.test_process import ask, running, until


def test_a_change_that_cannot_be_written_is_an_error_and_rolled_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db")
    store._connection.execute("PRAGMA max_page_count = 1")  # what SQLite then says is what it says of a full disk
    now = datetime.now(UTC)
    instance = Instance(
        instance_id="big",
        execution_id="1",
        name="fan_out",
        input_text="x" * 100_000,
        created_time=now,
        last_updated_time=now,
    )
    with pytest.raises(StateFileError, match=r"state file .*s\.db cannot be used: database or disk is full"):
        store.start(instance)
    assert store.load("big") is None
    store.close()


@pytest.mark.parametrize(
    ("change", "orchestrator"), [("commit", "fan_out"), ("end_tasks", "fan_out"), ("end_tasks", "approval")]
)
def test_a_turn_an_activity_or_a_timer_that_cannot_be_written_is_the_end_of_all_work(
    change: str, orchestrator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> NoReturn:
        raise StateFileError("the disk is full")

    monkeypatch.setattr(Store, change, refuse)
    with running_app(SAMPLE, state_file=tmp_path / "s.db") as app:
        app.start(orchestrator)

        async def failure() -> DevhostError:
            return await asyncio.wait_for(asyncio.shield(app.hub.failure), 60)

        assert str(app.call(failure())) == "the disk is full"
        assert not [line for line in app.lines if "devhost itself failed" in line]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a test limit the files of another process")
@pytest.mark.parametrize("beside", [None, "endless"])
def test_a_disk_that_fills_while_an_activity_runs_ends_the_process_with_the_reason(
    tmp_path: Path, beside: str | None
) -> None:
    import resource

    steps, gate, begun = tmp_path / "steps", tmp_path / "steps.0", tmp_path / "begun"
    gate.touch()
    with running(tmp_path / "s.db") as (url, process):
        if beside:
            ask(f"{url}/api/orchestrators/{beside}", {"file": str(begun)}, "POST")
            until(begun.exists)
        ask(f"{url}/api/orchestrators/slow_chain/chain", {"file": str(steps)}, "POST")
        until(steps.exists)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, 1))
        gate.unlink()
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert re.fullmatch(r"devhost: state file .*s\.db cannot be used: .*", stderr.splitlines()[-1])
    assert not re.search("itself failed|Traceback|asyncio", stderr)
