"""The whole thing for a test: demo API and devhost of its own, the session's Azurite, a queue of its own."""

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
    """Makes the test's stack from the API's and app settings; start it with `with`."""

    def make(api: ApiSettings, **settings: str) -> Stack:
        own = {"SLUICE_CONTAINER": queue_name, **settings}
        return Stack(api, folder=tmp_path / "stack", azurite=azurite, queue=queue_name, environment=own)

    return make


@pytest.fixture(scope="session")
def small_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A demo API with few ids, for all tests that want nothing of it but ids; gives its URL."""
    flags = ApiSettings(ids=IDS, page_size=100).flags()
    with Server("demo API", "local.demo.api", *flags, log=tmp_path_factory.mktemp("api") / "api.log") as api:
        yield api.url


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, azurite: Azurite, queue_name: str, small_api: str) -> Rig:
    """A run whose activities the test can hold or fail."""
    return Rig(monkeypatch, tmp_path, azurite, queue_name, small_api)
