"""A live host for the tests of its HTTP API: the sample app, in time that stands still."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from local.devhost.http.management import WEBHOOK_PATH
from local.devhost.hub.clock import VirtualClock
from local.devhost.testing import RunningApp, running_app
from tests.devhost.app_folder import SAMPLE


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    state_file = tmp_path_factory.mktemp("webhooks") / "s.db"
    with running_app(SAMPLE, state_file=state_file, clock=VirtualClock(automatic=False)) as running:
        yield running


@pytest.fixture(scope="module")
def api(app: RunningApp) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=app.url + WEBHOOK_PATH) as client:
        yield client


@pytest.fixture
def bring(app: RunningApp, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Make an instance that has the status asked for and give its id."""
    gate = tmp_path / "gate"
    gate.touch()

    def make(status: str) -> str:
        wanted = status.capitalize()
        if wanted == "None":
            return f"{tmp_path.name}-none"
        orchestrator = {"Pending": "held", "Completed": "fan_out", "Failed": "fragile"}.get(wanted, "approval")
        order = {"gate": str(gate), "count": 1, "file": str(tmp_path / "tries"), "attempts": 2}
        instance_id = app.start(orchestrator, order, instance_id=f"{tmp_path.name}-{status}")
        if wanted in ("Suspended", "Terminated"):
            app.wait(instance_id, lambda it: it.status == "Running")
            app.call(getattr(app.hub, {"Suspended": "suspend", "Terminated": "terminate"}[wanted])(instance_id, "why"))
        app.wait(instance_id, lambda it: it.status == wanted)
        return instance_id

    yield make
    gate.unlink()
