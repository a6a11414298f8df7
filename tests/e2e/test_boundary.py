"""What crosses the durable boundary is small, whatever the run moves: no id is ever part of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.demo.readback import read_back
from local.demo.settings import ApiSettings
from local.devhost.hub.store import Store
from local.devhost.orchestration.episode import Turn
from local.emulator import Azurite, Server
from tests.app_host import sluice

LIMIT_BYTES = 4096


@pytest.fixture
def api_url(tmp_path: Path) -> Iterator[str]:
    flags = ApiSettings(ids=2_300, page_size=100).flags()
    with Server("demo API", "local.demo.api", *flags, log=tmp_path / "api.log") as api:
        yield api.url


def texts_of(turn: Turn) -> Iterator[tuple[str, str]]:
    """Every text that one turn hands to or takes from the app, each with what it is."""
    for event in turn.events:
        for key in ("Input", "Result", "Reason"):
            if isinstance(event.get(key), str):
                yield f"{key} of event {event['EventType']}", event[key]
    for activity in turn.activities:
        yield f"input of {activity.name}", activity.input_text or ""
    for name, text in (
        ("state for the next generation", turn.after.input_text if turn.continues_as_new else None),
        ("custom status", turn.after.custom_status_text),
        ("output", turn.after.output_text),
    ):
        if text is not None:
            yield name, text


def test_no_input_and_no_output_that_crosses_the_durable_boundary_is_above_4_kb(
    azurite: Azurite, queue_name: str, api_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str]] = []
    commit = Store.commit

    def audited(store: Store, turn: Turn) -> bool:
        seen.extend(texts_of(turn))
        return commit(store, turn)

    monkeypatch.setattr(Store, "commit", audited)
    settings: dict[str, Any] = {
        "AzureWebJobsStorage": azurite.connection_string,
        "SLUICE_DEMO_URL": api_url,
        "SLUICE_QUEUE": queue_name,
        "SLUICE_CONTAINER": queue_name,
        "SLUICE_CHUNKS_PER_BATCH": "40",
    }
    with sluice(monkeypatch, tmp_path, **settings) as (app, http):
        http.post("/api/runs", json={"source": "demo", "run_id": "audited", "chunk_size": 25}).raise_for_status()
        assert app.wait("audited").status == "Completed", app.wait("audited").output_text

    kinds = {kind for kind, _ in seen}
    assert {"input of fetch_batch", "input of enqueue_chunk", "state for the next generation", "output"} <= kinds
    assert sum(kind == "input of enqueue_chunk" for kind, _ in seen) == 92
    assert [(kind, len(text)) for kind, text in seen if len(text.encode()) > LIMIT_BYTES] == []
    assert not any("order-" in text for _, text in seen), "an id crossed the boundary"
    assert read_back(azurite.connection_string, queue_name, api_url).lost == 0
