"""A run is shown as it goes on: whole lines, whatever the width, that never go back."""

import io
from typing import Any

import pytest
from rich.console import Console

from local.demo.view import View

COUNTS: dict[str, Any] = {
    "fetched": 1000, "enqueued": 1000, "rejected": 0, "failed": 0,
    "chunks_done": 2, "chunks_total": 2, "source_exhausted": True, "source_total": 1000,
}  # fmt: skip
MILLION = COUNTS | {"source_total": 1_000_000, "chunks_total": 200}


def shown(*looks: dict[str, Any] | None, width: int = 120, terminal: bool = False) -> str:
    text = io.StringIO()
    with View(Console(file=text, width=width, force_terminal=terminal, color_system=None)) as view:
        for look in looks:
            view.show_progress(look)
    return text.getvalue()


def test_outside_a_terminal_progress_is_a_plain_line() -> None:
    assert shown(COUNTS, COUNTS, None) == "enqueue   1,000/1,000  2/2 chunks\n"


def test_a_line_is_never_wrapped() -> None:
    assert shown(COUNTS, width=20) == "enqueue   1,000/1,000  2/2 chunks\n"


def test_in_a_terminal_progress_is_a_bar_with_counts() -> None:
    early = COUNTS | {"enqueued": 250, "chunks_done": 0, "source_total": None, "source_exhausted": False}
    text = shown(early, COUNTS | {"enqueued": 500, "chunks_done": 1}, terminal=True)
    assert "500/1,000" in text
    assert "1/2 chunks" in text


@pytest.mark.parametrize("width", [40, 50, 60, 70, 80, 90, 100, 120])
def test_a_bar_shows_its_counts_in_full_however_narrow_the_terminal(width: int) -> None:
    text = shown(MILLION | {"enqueued": 987_654, "chunks_done": 197}, width=width, terminal=True)
    assert "987,654/1,000,000" in text
    assert "…" not in text


@pytest.mark.parametrize("terminal", [False, True])
def test_a_look_that_knows_less_than_the_one_before_is_not_shown(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.demo.view.LINE_SECONDS", 0.0)
    later, earlier, at_last = ({**COUNTS, "enqueued": count} for count in (700, 300, 800))
    text = shown(later, earlier, at_last, terminal=terminal)
    assert "300/" not in text
    assert "800/1,000" in text
