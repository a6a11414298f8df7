"""Payloads across the durable boundary are small and contain no id, whatever the run moves."""

from collections.abc import Iterator

from local.devhost.hub.store import Store
from local.devhost.orchestration.episode import Turn
from tests.e2e.rig import ALL_ONCE, Rig

LIMIT_BYTES = 4096


def texts_of(turn: Turn) -> Iterator[tuple[str, str]]:
    """Yield every text between the app and one turn, with its kind."""
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


def test_no_input_and_no_output_that_crosses_the_durable_boundary_is_above_4_kb(rig: Rig) -> None:
    seen: list[tuple[str, str]] = []
    commit = Store.commit

    def audited(store: Store, turn: Turn) -> bool:
        seen.extend(texts_of(turn))
        return commit(store, turn)

    rig.monkeypatch.setattr(Store, "commit", audited)
    rig.settings = {"SLUICE_CHUNKS_PER_BATCH": "40"}
    with rig.host() as host:
        host.start(chunk_size=5)
        assert host.wait()["status"] == "completed"

    kinds = {kind for kind, _ in seen}
    assert {"input of fetch_batch", "input of enqueue_chunk", "state for the next generation", "output"} <= kinds
    assert sum(kind == "input of enqueue_chunk" for kind, _ in seen) == 112
    assert [(kind, len(text)) for kind, text in seen if len(text.encode()) > LIMIT_BYTES] == []
    assert not any("order-" in text for _, text in seen), "an id crossed the boundary"
    assert rig.read_back() == ALL_ONCE
