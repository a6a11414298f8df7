"""A running host with the sample app for tests over HTTP; its clock is stopped."""

from collections.abc import Iterator

import pytest

from local.devhost.hub.clock import VirtualClock
from local.devhost.testing import RunningApp, running_app
from tests.devhost.app_folder import SAMPLE


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    state_file = tmp_path_factory.mktemp("sample") / "s.db"
    with running_app(SAMPLE, state_file=state_file, clock=VirtualClock(automatic=False)) as running:
        yield running
