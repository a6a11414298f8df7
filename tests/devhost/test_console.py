"""The messages of devhost's console."""

import re
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from local.devhost.console import Console
from local.devhost.hub.clock import VirtualClock
from local.devhost.testing import running_app
from tests.devhost.app_folder import ORCHESTRATIONS, SAMPLE


def said(speak: Callable[[Console], None]) -> list[str]:
    lines: list[str] = []
    speak(Console(lines.append))
    return lines


def test_an_event_is_one_line_that_begins_with_time_and_instance() -> None:
    (line,) = said(lambda console: console.event("run-7", "activity enqueue_chunk #12 done in 2.1 s"))
    assert line[len("12:00:00.000") :] == " run-7 · activity enqueue_chunk #12 done in 2.1 s"


def test_a_warning_and_an_error_begin_with_the_word_and_a_traceback_is_indented() -> None:
    def speak(console: Console) -> None:
        console.warning("look")
        console.error("no", "trace")

    assert [line.partition(" ")[2] for line in said(speak)] == ["warning: look", "error: no\n    trace"]


def test_columns_of_a_table_line_up() -> None:
    def speak(console: Console) -> None:
        console.table("Functions:", [("a:", "[GET]", "url"), ("longer:", "activityTrigger", "")])

    assert said(speak) == ["\nFunctions:\n\n  a:       [GET]            url\n  longer:  activityTrigger\n"]


@pytest.mark.parametrize("why", [BrokenPipeError(), OSError(28, "No space left on device"), ValueError("closed file")])
def test_a_line_that_cannot_be_written_does_not_stop_the_host(why: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, text: str) -> None:
            raise why

    monkeypatch.setattr(sys, "stderr", Gone())
    Console().note("still here")


def test_a_failure_has_the_app_s_message_and_frames(tmp_path: Path) -> None:
    with running_app(ORCHESTRATIONS, state_file=tmp_path / "s.db") as app:
        instance = app.wait(app.start("parent", ["uncaught"]))
        errors = [line for line in app.lines if "error:" in line]
    assert "System.Private.CoreLib" in str(instance.output_text)
    failures = [error.splitlines()[0].partition("error: ")[2].partition(" · ")[2] for error in errors]
    activity, child, parent = failures
    assert activity == "activity fail #0 failed: ValueError: no luck"
    assert child == "Orchestrator function 'uncaught' failed: Activity function 'fail' failed: ValueError: no luck"
    assert parent == f"Orchestrator function 'parent' failed: {child}"
    text = "\n".join(errors)
    assert all(f"in {name}" in text for name in ("fail", "uncaught", "parent"))
    assert not any(name in text for name in ("CoreLib", "site-packages", "local/devhost/", "asyncio/", "concurrent/"))


def test_each_event_of_an_instance_is_one_line(tmp_path: Path) -> None:
    with running_app(SAMPLE, state_file=tmp_path / "s.db", clock=VirtualClock(automatic=False)) as app:
        app.start("approval", instance_id="a")
        app.rest()
        app.raise_event("a", "decision", 1)
        app.result("a")
        app.start("approval", instance_id="b")
        app.rest()
        app.advance(timedelta(hours=3))
        app.result("b")
        app.result(app.start("fan_out", {"count": 1}, instance_id="c"))
        lines = [line.partition(" ")[2] for line in app.lines]
    assert [re.sub(r"in \d+\.\d s", "in 0.0 s", line) for line in lines] == [
        "a · orchestrator approval started",
        "a · timer #0 set for 2026-01-01 02:00:00 UTC",
        "a · waits for event decision",
        "a · event decision raised",
        "a · orchestrator approval completed",
        "b · orchestrator approval started",
        "b · timer #0 set for 2026-01-01 02:00:00 UTC",
        "b · waits for event decision",
        "b · timer #0 fired",
        "b · orchestrator approval completed",
        "c · orchestrator fan_out started",
        "c · activity double #0 done in 0.0 s",
        "c · orchestrator fan_out completed",
    ]
