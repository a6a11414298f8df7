"""One call of a user function: its invocation context, and its traceback."""

import asyncio
import os
import sys
import threading
import traceback
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn
from uuid import uuid4

from azure.functions import _durable_functions

# The SDK warns once about its own codec. Where warnings are errors, this warning would fail the first call.
_durable_functions._no_expected_type_notice_emitted = True
_durable_functions._loose_codec_notice_emitted = True

# The exceptions with which a call of user code fails. SystemExit ends the worker process; without a worker process it
# only fails the call. A cancelled task of the app is a failure like any other.
CALL_FAILURES = (Exception, SystemExit, asyncio.CancelledError)

is_worker_process = False

_OWN_FOLDER = str(Path(__file__).parents[1])
_MACHINERY = ("azure/durable_functions/", "concurrent/futures/thread.py", "asyncio/")


def trace_context(parent: str = "") -> SimpleNamespace:
    """Return the trace context of a call; it also has the capitalised names that the worker used before."""
    return SimpleNamespace(
        trace_parent=parent, trace_state="", attributes={}, Traceparent=parent, Tracestate="", Attributes={}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The value that the worker passes to a parameter called `context`."""

    function_name: str
    function_directory: str = ""
    invocation_id: str = field(default_factory=lambda: str(uuid4()))
    thread_local_storage: threading.local = field(default_factory=threading.local)
    trace_context: SimpleNamespace = field(default_factory=trace_context)
    retry_context: None = None


# The context of the present call: a log record takes the name of its function from here.
current_context: ContextVar[Context | None] = ContextVar("current_context", default=None)


def is_stopping() -> bool:
    """Return whether devhost itself has cancelled this call; it has then not failed, and an activity runs again."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def end_if_exit(error: BaseException) -> None:
    """End this process if it is a worker process and the app has called sys.exit, in whatever thread."""
    if is_worker_process and isinstance(error, SystemExit):
        leave(error.code if isinstance(error.code, int) else int(error.code is not None))


def leave(code: int) -> NoReturn:
    """End this process at once."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def user_traceback(error: BaseException) -> str:
    """Format an error without the frames of the host and the SDK; return an empty text if no frame is left."""
    summary = traceback.TracebackException.from_exception(error)
    part: traceback.TracebackException | None = summary
    has_frames = False
    while part is not None:
        frames = [frame for frame in part.stack if not _is_host_frame(frame.filename)]
        part.stack = traceback.StackSummary.from_list(frames)
        has_frames = has_frames or bool(frames)
        part = part.__cause__ or (None if part.__suppress_context__ else part.__context__)
    return "".join(summary.format()) if has_frames else ""


def _is_host_frame(filename: str) -> bool:
    name = filename.replace("\\", "/")
    return name.startswith(_OWN_FOLDER) or any(mark in name for mark in _MACHINERY)
