"""Calls the app's functions: async ones on the event loop, sync ones on the one thread pool.

A sync call that runs out of time is given up on, but its thread cannot be ended.
"""

import asyncio
import contextvars
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from azure.functions.durable_functions import ActivityTriggerConverter
from azure.functions.meta import Datum

from devhost.errors import ActivityError
from devhost.invocation import CALL_FAILURES, Context, current_context, is_stopping, user_traceback
from devhost.loader import LoadedFunction
from devhost.settings import HostSettings

T = TypeVar("T")


class FunctionTimeoutException(Exception):
    """A call took longer than host.json's functionTimeout; histories show the name."""


class Worker:
    """The app's functions, callable."""

    def __init__(self, settings: HostSettings, app_root: Path) -> None:
        self._timeout_seconds = settings.function_timeout_seconds
        self._app_root = app_root
        self._pool = ThreadPoolExecutor(settings.thread_pool_size, thread_name_prefix="devhost")

    async def run_activity(self, function: LoadedFunction, input_text: str | None) -> str | None:
        """Run an activity from JSON text to JSON text; ActivityError says why it failed."""
        assert function.input_parameter is not None
        sent = Datum("null" if input_text is None else input_text, "string")
        try:
            value = ActivityTriggerConverter.decode(sent, trigger_metadata=None)
            result = await self.run(function, {function.input_parameter: value})
            text = str(ActivityTriggerConverter.encode(result, expected_type=None).value)
        except CALL_FAILURES as error:
            if is_stopping():
                raise
            raise ActivityError(type(error).__name__, str(error), user_traceback(error)) from error
        return None if text == "null" else text

    async def run(self, function: LoadedFunction, arguments: Mapping[str, Any]) -> Any:
        """Call a function by keyword, with its context if it wants one."""
        context = Context(function_name=function.name, function_directory=str(self._app_root))
        keywords = {**arguments, "context": context} if function.wants_context else dict(arguments)
        token = current_context.set(context)
        try:
            async with asyncio.timeout(self._timeout_seconds) as limit:
                if function.is_async:
                    return await function.user_function(**keywords)
                return await self.run_in_pool(lambda: function.user_function(**keywords))
        except TimeoutError:
            if not limit.expired():
                raise
            span = str(timedelta(seconds=int(self._timeout_seconds or 0))).zfill(len("00:00:00"))
            raise FunctionTimeoutException(f"Timeout value of {span} exceeded by function {function.name}") from None
        finally:
            current_context.reset(token)

    async def run_in_pool(self, call: Callable[..., T], *args: Any) -> T:
        """Run a plain call on the thread pool, with the caller's context variables."""
        carried = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: carried.run(call, *args))

    def close(self) -> None:
        """Take no more calls; busy threads are left to themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)
