"""Calling activities: JSON text in, JSON text or a described failure out."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from local.devhost.app.loader import load_app
from local.devhost.errors import ActivityError
from local.devhost.settings import HostSettings
from local.devhost.worker.worker import Worker
from tests.devhost.app_folder import write_app

T = TypeVar("T")

SOURCE = """
import asyncio, sys, threading
app = func.FunctionApp()

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
async def own_timeout(value): raise TimeoutError("its own")

@app.activity_trigger(input_name="value")
def where(value): return threading.current_thread() is threading.main_thread()

@app.activity_trigger(input_name="value")
async def where_async(value): return threading.current_thread() is threading.main_thread()
"""


def run(folder: Path, talk: Callable[[Callable[..., Awaitable[str | None]]], Awaitable[T]]) -> T:
    index = load_app(write_app(folder, SOURCE))

    async def main() -> T:
        worker = Worker(HostSettings(thread_pool_size=2), folder)
        try:
            return await talk(lambda name, text=None: worker.run_activity(index.activities[name], text))
        finally:
            await worker.close()

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("sent", "returned"),
    [
        ('{"a": [1, null]}', '{"a": [1, null]}'),
        ('"text"', '"text"'),
        ("null", None),
        (None, None),
        ("0", "0"),
        ("not json", '"not json"'),
    ],
)
def test_input_and_result_are_json_text(tmp_path: Path, sent: str | None, returned: str | None) -> None:
    assert run(tmp_path, lambda call: call("same", sent)) == returned


def test_async_functions_run_on_the_loop_and_sync_ones_beside_it(tmp_path: Path) -> None:
    assert run(tmp_path, lambda call: call("where")) == "false"
    assert run(tmp_path, lambda call: call("where_async")) == "true"


def test_a_context_is_given_to_who_asks(tmp_path: Path) -> None:
    assert run(tmp_path, lambda call: call("same_async", "1")) == '[1, "same_async"]'


@pytest.mark.parametrize(
    ("name", "type_name", "message"),
    [
        ("fails", "KeyError", "'x'"),
        ("leaves", "SystemExit", "3"),
        ("cancelled", "CancelledError", ""),
        ("unserialisable", "ValueError", "must be json serializable"),
        ("own_timeout", "TimeoutError", "its own"),
    ],
)
def test_a_failure_is_described(tmp_path: Path, name: str, type_name: str, message: str) -> None:
    with pytest.raises(ActivityError) as caught:
        run(tmp_path, lambda call: call(name, '"x"'))
    assert caught.value.type_name == type_name
    assert message in caught.value.message


def test_a_traceback_shows_the_app_and_not_the_host(tmp_path: Path) -> None:
    with pytest.raises(ActivityError) as caught:
        run(tmp_path, lambda call: call("fails", '"x"'))
    assert "function_app.py" in caught.value.traceback
    assert "worker.py" not in caught.value.traceback
    assert "concurrent" not in caught.value.traceback


def test_custom_objects_travel_as_in_the_sdk(tmp_path: Path) -> None:
    source = """
    app = func.FunctionApp()

    class Point:
        def __init__(self, x): self.x = x
        @staticmethod
        def to_json(point): return point.x
        @staticmethod
        def from_json(data): return Point(data)

    @app.activity_trigger(input_name="value")
    def move(value): return Point(value.x + 1)
    """
    index = load_app(write_app(tmp_path, source))
    worker = Worker(HostSettings(), tmp_path)
    sent = '{"__class__": "Point", "__module__": "function_app", "__data__": 1}'
    assert asyncio.run(worker.run_activity(index.activities["move"], sent)) == sent.replace("1}", "2}")
    asyncio.run(worker.close())
