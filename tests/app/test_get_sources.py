"""GET /api/sources tells the truth about schedules: without the timer none of them starts a run."""

from pathlib import Path
from typing import Any

import pytest

from tests.app_host import sluice

SOURCE = """
[orders]
url = "http://127.0.0.1:1/orders"
items = "data"
message = "id"
pagination = { style = "none" }
"""
SCHEDULED = f'{SOURCE}schedule = "0 0 2 * * *"\n'


def listed(monkeypatch: pytest.MonkeyPatch, folder: Path, at_start: str, now: str) -> dict[str, Any]:
    """Return the source of an app that started with one sources file, and has another one now."""
    file = folder / "sources.toml"
    file.write_text(at_start)
    with sluice(monkeypatch, folder, SLUICE_SOURCES=str(file)) as (_, http):
        file.write_text(now)
        (found,) = http.get("/api/sources").json()["sources"]
        return dict(found)


def test_a_schedule_that_the_app_has_no_timer_for_is_a_problem_and_never_due(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = listed(monkeypatch, tmp_path, SOURCE, SCHEDULED)
    assert "restart the app" in found["problem"]
    assert (found["description_ok"], found["schedule"], found["next_due"]) == (True, "0 0 2 * * * UTC", None)


def test_a_schedule_with_its_timer_is_due_and_no_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = listed(monkeypatch, tmp_path, SCHEDULED, SCHEDULED)
    assert (found["problem"], found["next_due"] is not None) == (None, True)


def test_a_source_without_a_schedule_needs_no_timer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert listed(monkeypatch, tmp_path, SOURCE, SOURCE)["problem"] is None
