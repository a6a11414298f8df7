"""Calls of activities: from JSON text to JSON text or a failure."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from local.devhost.app.loader import load_app
from local.devhost.errors import ActivityError
from local.devhost.settings import HostSettings
from local.devhost.worker.worker import Worker
from tests.devhost.app_folder import write_app

Call: TypeAlias = Callable[[str, str | None], str | None]

SOURCE = """
import asyncio, sys, threading
app = func.FunctionApp()

class Point:
    def __init__(self, x): self.x = x
    @staticmethod
    def to_json(point): return point.x
    @staticmethod
    def from_json(data): return Point(data)

@app.activity_trigger(input_name="value")
def move(value): return Point(value.x + 1)

@app.activity_trigger(input_name="value")
def same(value): return value

@app.activity_trigger(input_name="value")
async def same_async(value, context: func.Context): return [value, context.function_name]

@app.activity_trigger(input_name="value")
def fails(value): raise KeyError(value)

@app.activity_trigger(input_name="value")
def leaves(value): sys.exit(3)

@app.activity_trigger(input_name="value")
async def cancelled(value):
    inner = asyncio.ensure_future(asyncio.sleep(60))
    inner.cancel()
    await inner

@app.activity_trigger(input_name="value")
def unserialisable(value): return {1, 2}

@app.activity_trigger(input_name="value")
def where(value): return threading.current_thread() is threading.main_thread()

@app.activity_trigger(input_name="value")
async def where_async(value): return threading.current_thread() is threading.main_thread()
"""
POINT = '{"__class__": "Point", "__module__": "function_app", "__data__": 1}'


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Calls an activity by name, with its input as text."""
    index = load_app(write_app(tmp_path, SOURCE))

    def call(name: str, text: str | None) -> str | None:
        async def run() -> str | None:
            worker = Worker(HostSettings(thread_pool_size=2), tmp_path)
            try:
                return await worker.run_activity(index.activities[name], text)
            finally:
                await worker.close()

        return asyncio.run(run())

    return call


@pytest.mark.parametrize(
    ("name", "sent", "returned"),
    [
        ("same", '{"a": [1, null]}', '{"a": [1, null]}'),
        ("same", "null", None),
        ("same", None, None),
        ("same", "0", "0"),
        ("same", "not json", '"not json"'),
        ("same_async", "1", '[1, "same_async"]'),
        ("move", POINT, POINT.replace("1}", "2}")),
        ("where", None, "false"),
        ("where_async", None, "true"),
    ],
)
def test_json_text_goes_in_and_comes_out_whether_a_function_runs_on_the_loop_or_beside_it(
    call: Call, name: str, sent: str | None, returned: str | None
) -> None:
    assert call(name, sent) == returned


@pytest.mark.parametrize(
    ("name", "type_name", "message"),
    [
        ("fails", "KeyError", "'x'"),
        ("leaves", "SystemExit", "3"),
        ("cancelled", "CancelledError", ""),
        ("unserialisable", "ValueError", "must be json serializable"),
    ],
)
def test_a_failure_is_described_with_a_traceback_of_the_app(
    call: Call, name: str, type_name: str, message: str
) -> None:
    with pytest.raises(ActivityError) as caught:
        call(name, '"x"')
    assert caught.value.type_name == type_name
    assert message in caught.value.message
    assert not any(place in caught.value.traceback for place in ("worker.py", "concurrent"))
    assert ("function_app.py" in caught.value.traceback) == (name != "unserialisable")
