"""The app's log records, made visible: readable on stderr, as JSON lines in a file.

On the way: python logging enters; lines leave that show each record's extra fields, which in Azure
would be its custom dimensions.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devhost.errors import DevhostError
from devhost.invocation import current_context

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# Their INFO records are about each request; the app's own are what a person wants to see.
_CHATTY = ("azure.functions", "azure.core.pipeline.policies.http_logging_policy", "aiohttp.access", "asyncio", "httpx")


def extra_fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return what was passed as `extra`."""
    return {key: value for key, value in vars(record).items() if key not in _STANDARD and not key.startswith("_")}


class ReadableFormatter(logging.Formatter):
    """`12:00:00.123 info app.source · page fetched  run_id=run-7 page=3`."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record on one line, a traceback below it."""
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S.%f")[:-3]
        fields = "".join(f"  {key}={value}" for key, value in extra_fields(record).items())
        line = f"{time} {record.levelname.lower()} {record.name} · {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object a record: time, level, logger, message, function, invocation and all extras."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record as one line of JSON."""
        context = current_context.get()
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if context is not None:
            entry |= {"function_name": context.function_name, "invocation_id": context.invocation_id}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry | extra_fields(record), default=str, ensure_ascii=False)


def _open_log_file(path: Path) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise DevhostError(f"log file {path} cannot be written: {error.strerror}") from error
    handler.setFormatter(JsonFormatter())
    return handler


@contextmanager
def logging_to(log_file: Path | None, level: int) -> Iterator[None]:
    """Show the app's records on stderr and, if asked, in a file, until the block ends."""
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    handlers[0].setFormatter(ReadableFormatter())
    if log_file is not None:
        handlers.append(_open_log_file(log_file))
    root = logging.getLogger()
    before = root.level
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for handler in handlers:
        root.addHandler(handler)
    try:
        yield
    finally:
        root.setLevel(before)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
