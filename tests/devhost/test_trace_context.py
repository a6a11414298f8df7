"""An activity gets the trace of its orchestration, which begins with the header of the start request."""

from pathlib import Path

import httpx
import pytest

from local.devhost.testing import running_app
from tests.devhost.app_folder import write_app

SOURCE = """
app = df.DFApp()


@app.orchestration_trigger(context_name="context")
def twice(context):
    turn = context.get_input() or 0
    seen = yield context.task_all([context.call_activity("look", ""), context.call_activity("look", "")])
    if turn == 0:
        context.continue_as_new(1)
        return None
    below = yield context.call_sub_orchestrator("below")
    return [*seen, below]


@app.orchestration_trigger(context_name="context")
def below(context):
    return (yield context.call_activity("look", ""))


@app.activity_trigger(input_name="value")
async def look(value, context: func.Context):
    return context.trace_context.trace_parent
"""
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def seen(tmp_path: Path, headers: dict[str, str], *, worker_process: bool = False) -> list[str]:
    with running_app(write_app(tmp_path, SOURCE), state_file=tmp_path / "s.db", worker_process=worker_process) as app:
        path = "/runtime/webhooks/durabletask/orchestrators/twice"
        started = httpx.post(app.url + path, headers=headers)
        found: list[str] = app.result(started.json()["id"])
        return found


@pytest.mark.parametrize("worker_process", [False, True])
def test_all_activities_of_an_orchestration_are_in_the_trace_of_its_start(tmp_path: Path, worker_process: bool) -> None:
    found = seen(tmp_path, {"traceparent": f"00-{TRACE}-{SPAN}-01"}, worker_process=worker_process)
    parts = [text.split("-") for text in found]
    assert [(part[0], part[1], part[3]) for part in parts] == [("00", TRACE, "01")] * 3
    spans = {part[2] for part in parts}
    assert len(spans) == 3
    assert SPAN not in spans


@pytest.mark.parametrize("headers", [{}, {"traceparent": "no trace"}])
def test_without_a_trace_an_activity_has_none(tmp_path: Path, headers: dict[str, str]) -> None:
    assert seen(tmp_path, headers) == ["", "", ""]
