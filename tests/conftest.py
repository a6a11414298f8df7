"""What every tier may use: one Azurite for the whole test session, and a queue of its own for each test."""

import uuid
from collections.abc import Iterator

import pytest

from ingestion.concealed import Secrets, _present
from local.emulator import Azurite


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Storage for all tests that want a real one; started when the first of them asks (2.5 s)."""
    with Azurite(tmp_path_factory.mktemp("azurite"), in_memory=True) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The kind of loop that an async test and its async fixtures run on; each test has one of its own."""
    return "asyncio"


@pytest.fixture(autouse=True)
def no_secret_of_another_test() -> None:
    """A test knows no secret of the tests before it, with which it shares the thread."""
    _present.set(Secrets())


@pytest.fixture
def queue_name() -> str:
    """A name for a queue or a container that no other test has."""
    return f"test-{uuid.uuid4().hex[:12]}"


LONGEST = ("test_nights.py", "test_chaos.py", "test_fuzz.py", "test_parts.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that all cores end at about the same time."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
