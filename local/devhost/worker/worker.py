"""Call the app's functions: async ones on the event loop, the others in one thread pool.

A worker process has one `Worker`. `running_app` has one in the test's process; there functionTimeout has no effect, and
sys.exit only fails the call.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from azure.functions.durable_functions import ActivityTriggerConverter
from azure.functions.meta import Datum

from local.devhost.app.invocation import (
    CALL_FAILURES,
    Context,
    current_context,
    end_if_exit,
    is_stopping,
    trace_context,
    user_traceback,
)
from local.devhost.app.loader import FunctionIndex, LoadedFunction, load_app
from local.devhost.errors import ActivityError
from local.devhost.orchestration.event import Event
from local.devhost.orchestration.replay import Replay, replay
from local.devhost.settings import HostSettings
from local.devhost.worker.http_answer import Answer, answer

T = TypeVar("T")


class Worker:
    """Calls the app's functions. Raises ActivityError if a function fails, HostFailure if the host makes it fail."""

    def __init__(self, settings: HostSettings, app_root: Path) -> None:
        self._app_root = app_root
        self._pool = ThreadPoolExecutor(settings.thread_pool_size)

    async def start(self) -> FunctionIndex:
        """Load the app. Raise DevhostError if devhost cannot serve it."""
        return load_app(self._app_root)

    async def run_activity(
        self, function: LoadedFunction, input_text: str | None, trace_parent: str = ""
    ) -> str | None:
        """Run an activity; input and output are JSON texts. Its context has `trace_parent`."""
        assert function.input_parameter is not None
        parameter, sent = function.input_parameter, Datum("null" if input_text is None else input_text, "string")

        async def call() -> str:
            value = ActivityTriggerConverter.decode(sent, trigger_metadata=None)
            result = await self._call(function, {parameter: value}, trace_parent)
            return str(ActivityTriggerConverter.encode(result, expected_type=None).value)

        text = await _described(call())
        return None if text == "null" else text

    async def run_turn(self, function: LoadedFunction, history: Sequence[Event]) -> Replay:
        """Replay an orchestrator over `history`, which ends with the new events. A turn is one such replay."""
        wrapper: Any = function.user_function

        def turn() -> Replay:
            current_context.set(self._context(function))  # in a copy of the context, which is dropped after the call
            return replay(wrapper.orchestrator_function, history, getattr(wrapper, "_df_input_type", None))

        return await self._run_in_pool(turn)

    async def answer(self, function: LoadedFunction, request: Mapping[str, Any], client_binding: str) -> Answer:
        """Answer an HTTP request, which is given by its parts."""
        return await _described(answer(self._call, function, request, client_binding))

    async def run(self, function: LoadedFunction, arguments: Mapping[str, Any]) -> None:
        """Call a function with keyword arguments; ignore its result."""
        await _described(self._call(function, arguments))

    async def close(self) -> None:
        """Accept no more calls; do not wait for busy threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _call(self, function: LoadedFunction, arguments: Mapping[str, Any], trace_parent: str = "") -> Any:
        context = self._context(function, trace_parent)
        keywords = {**arguments, "context": context} if function.wants_context else dict(arguments)
        token = current_context.set(context)
        try:
            if function.is_async:
                return await function.user_function(**keywords)
            return await self._run_in_pool(lambda: function.user_function(**keywords))
        finally:
            current_context.reset(token)

    def _context(self, function: LoadedFunction, trace_parent: str = "") -> Context:
        trace = trace_context(trace_parent)
        return Context(function_name=function.name, function_directory=str(self._app_root), trace_context=trace)

    async def _run_in_pool(self, call: Callable[[], T]) -> T:
        carried = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: carried.run(call))


async def _described(call: Awaitable[T]) -> T:
    """Wait for a call of user code. Raise ActivityError if it fails."""
    try:
        return await call
    except CALL_FAILURES as error:
        end_if_exit(error)
        if is_stopping():
            raise
        raise ActivityError(type(error).__name__, str(error), user_traceback(error)) from error
