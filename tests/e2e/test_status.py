"""The status of a running run changes with the messages, not only with the windows."""

import time
from typing import Any

from tests.e2e.rig import PATIENCE_SECONDS, Host, Rig


def until_enqueued(host: Host, messages: int) -> dict[str, Any]:
    """Wait until this many messages are enqueued, and return the progress."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        progress: dict[str, Any] = host.look()["progress"]
        if progress["enqueued"] >= messages:
            return progress
    raise AssertionError(f"not {messages} within {PATIENCE_SECONDS} s: {progress}")


def test_progress_moves_inside_a_window_and_adds_up(rig: Rig) -> None:
    with rig.host() as host:
        host.start_held(4)  # four chunks of 25 pass, the other four wait
        progress = until_enqueued(host, 100)
        assert (progress["fetched"], progress["enqueued"], progress["pending"]) == (200, 100, 100)
        assert (progress["chunks_done"], progress["chunks_total"]) == (4, 8)
