"""Fixtures for all tests: one Azurite for the whole session, and a separate queue for each test."""

import signal
import uuid
from collections.abc import Iterator

import pytest

from ingestion.concealed import Secrets, _present
from local.emulator import Azurite


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Real storage, shared by all tests; it starts when the first test needs it (2.5 s)."""
    with Azurite(tmp_path_factory.mktemp("azurite"), in_memory=True) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The kind of event loop of an async test and its async fixtures; each test has a new one."""
    return "asyncio"


@pytest.fixture(autouse=True)
def no_secret_of_another_test() -> None:
    """Forget the secrets of earlier tests in the same thread."""
    _present.set(Secrets())


@pytest.fixture
def queue_name() -> str:
    """A unique name for a queue or a container."""
    return f"test-{uuid.uuid4().hex[:12]}"


LONGEST = ("test_nights.py", "test_chaos.py", "test_fuzz.py", "test_parts.py")


def pytest_configure() -> None:
    """Let Ctrl-C reach the programs that tests start, also if the shell runs the tests in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first, so that all cores end at about the same time."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
