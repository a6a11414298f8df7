"""One call of a user function: the context it may ask for, and the traceback it leaves behind.

On the way: made by the worker for each call. The context variable lets log records say which function
wrote them, as the real host does.
"""

from __future__ import annotations

import threading
import traceback
import uuid
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace

import azure.functions as func
from azure.functions import _abc

_OWN_FOLDER = str(Path(__file__).parent)
_MACHINERY = ("azure/durable_functions/", "concurrent/futures/thread.py", "asyncio/")


class Context(func.Context):
    """What the worker hands to a parameter called `context`."""

    def __init__(self, function_name: str, function_directory: str) -> None:
        self._invocation_id = str(uuid.uuid4())
        self._function_name = function_name
        self._function_directory = function_directory
        self._local = threading.local()
        self._local.invocation_id = self._invocation_id

    @property
    def invocation_id(self) -> str:
        """Return the id of this call."""
        return self._invocation_id

    @property
    def thread_local_storage(self) -> type[threading.local]:
        """Return the storage that user threads mark their logs with."""
        return self._local  # type: ignore[return-value]  # the SDK annotates the class, the worker gives an object

    @property
    def function_name(self) -> str:
        """Return the function's name."""
        return self._function_name

    @property
    def function_directory(self) -> str:
        """Return the app's folder."""
        return self._function_directory

    @property
    def trace_context(self) -> _abc.TraceContext:
        """Return an empty trace: devhost starts none."""
        return SimpleNamespace(  # type: ignore[return-value]
            trace_parent="", trace_state="", attributes={}, Traceparent="", Tracestate="", Attributes={}
        )

    @property
    def retry_context(self) -> _abc.RetryContext:
        """Return None: function-level retry policies are for triggers that devhost does not serve."""
        return None  # type: ignore[return-value]


current_context: ContextVar[Context | None] = ContextVar("current_context", default=None)


def user_traceback(error: BaseException) -> str:
    """Format the error without the frames of the host and of the SDK; empty when no others are left."""
    summary = traceback.TracebackException.from_exception(error)
    part: traceback.TracebackException | None = summary
    has_frames = False
    while part is not None:
        part.stack = traceback.StackSummary.from_list(
            [frame for frame in part.stack if not _is_host_frame(frame.filename)]
        )
        has_frames = has_frames or bool(part.stack)
        part = part.__cause__ or (None if part.__suppress_context__ else part.__context__)
    return "".join(summary.format()) if has_frames else ""


def _is_host_frame(filename: str) -> bool:
    name = filename.replace("\\", "/")
    return name.startswith(_OWN_FOLDER) or any(mark in name for mark in _MACHINERY)
