"""Fixtures for the tests of the app, besides storage."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.storage.blob.aio import ContainerClient

from ingestion.open_storage import close_storage, open_storage
from ingestion.settings import load_settings
from local.demo.stack import DEMO_SOURCES
from local.emulator import Azurite
from tests.app.kept import Connection, Kept

AT_ONCE: dict[str, Any] = {"initial_backoff": 0, "increment_base": 0, "random_jitter_range": 0}  # is asked again


@pytest.fixture
async def kept(azurite: Azurite, queue_name: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Kept]:
    """A container and a queue that the functions of the app use."""
    given = {
        "AzureWebJobsStorage": azurite.connection_string,
        "SLUICE_CONTAINER": queue_name,
        "SLUICE_QUEUE": queue_name,
        "SLUICE_SOURCES": DEMO_SOURCES,
        "SLUICE_DEMO_URL": "http://127.0.0.1:1",  # where nobody listens
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    storage, connection, text = open_storage(settings), Connection(), azurite.connection_string
    async with ContainerClient.from_connection_string(text, queue_name, transport=connection, **AT_ONCE) as container:
        storage.container = container
        try:
            await storage.prepare(settings)
            yield Kept(azurite, storage, connection)
        finally:
            await close_storage()
