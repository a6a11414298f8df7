"""The app of this repository on a devhost inside the test, with a clock that the test controls."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ingestion.open_storage import close_storage
from local.demo.stack import DEMO_SOURCES, TASK_HUB, unset
from local.devhost.hub.clock import Clock
from local.devhost.testing import RunningApp, running_app

ROOT = Path(__file__).parents[1]
NO_STORAGE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=c2VjcmV0;"
    "BlobEndpoint=http://127.0.0.1:1/devstoreaccount1;QueueEndpoint=http://127.0.0.1:1/devstoreaccount1;"
)


@contextmanager
def sluice(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *,
    clock: Clock | None = None,
    worker_process: bool = False,
    enable_auth: bool = False,
    **settings: str,
) -> Iterator[tuple[RunningApp, httpx.Client]]:
    """Serve the app with these app settings; yield the running app and a client of its HTTP API.

    Without other settings there is no keeper, and neither storage nor source answer, because nothing listens on port 1.
    """
    given = {
        **unset(),
        "AzureWebJobsStorage": NO_STORAGE,
        "TASKHUB_NAME": TASK_HUB,
        "SLUICE_SOURCES": DEMO_SOURCES,
        "SLUICE_DEMO_URL": "http://127.0.0.1:1",
        "SLUICE_KEEPER_SECONDS": "0",
        **settings,
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    state = tmp_path / "devhost.db"
    with (
        running_app(ROOT, state_file=state, clock=clock, worker_process=worker_process, enable_auth=enable_auth) as app,
        httpx.Client(base_url=app.url) as http,
    ):
        try:
            yield app, http
        finally:
            app.call(close_storage())
