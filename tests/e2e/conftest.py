"""A whole stack for a test: its own demo API, devhost and queue, and the session's Azurite."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.demo.settings import ApiSettings
from local.demo.stack import Stack
from local.emulator import Azurite, Server
from tests.e2e.rig import IDS, Rig

MakeStack = Callable[..., Stack]


@pytest.fixture
def make_stack(azurite: Azurite, queue_name: str, tmp_path: Path) -> MakeStack:
    """Makes the test's stack from settings of API and app; `with` starts it."""

    def make(api: ApiSettings, **settings: str) -> Stack:
        own = {"SLUICE_CONTAINER": queue_name, **settings}
        return Stack(api, folder=tmp_path / "stack", azurite=azurite, queue=queue_name, environment=own)

    return make


@pytest.fixture(scope="session")
def small_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a demo API with few ids, shared by all tests that need only ids."""
    flags = ApiSettings(ids=IDS, page_size=100).flags()
    with Server("demo API", "local.demo.api", *flags, log=tmp_path_factory.mktemp("api") / "api.log") as api:
        yield api.url


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, azurite: Azurite, queue_name: str, small_api: str) -> Rig:
    """A rig in which the test can hold or fail activities."""
    return Rig(monkeypatch, tmp_path, azurite, queue_name, small_api)
