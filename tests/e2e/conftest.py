"""The whole thing for a test: demo API and devhost of its own, the session's Azurite, a queue of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from demo.settings import ApiSettings
from demo.stack import Stack
from emulator import Azurite

MakeStack = Callable[[ApiSettings], Stack]


@pytest.fixture
def make_stack(azurite: Azurite, queue_name: str, tmp_path: Path) -> MakeStack:
    """Makes the test's stack; start it with `with`."""

    def make(api: ApiSettings) -> Stack:
        own = {"SLUICE_CONTAINER": queue_name}
        return Stack(api, folder=tmp_path / "stack", azurite=azurite, queue=queue_name, environment=own)

    return make
