"""Write the app's log records: to stderr in the host's form, and to the log file as JSON with their extra fields."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.devhost.app.invocation import current_context
from local.devhost.errors import explained

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
# These loggers write an INFO record for each request, which would hide the app's own records.
_CHATTY = ("azure.functions", "aiohttp.access", "asyncio")
_WORDS = {"WARNING": "warn", "ERROR": "fail", "CRITICAL": "crit"}


class _ReadableFormatter(logging.Formatter):
    """`12:00:00.123 info Function.fetch.User · page fetched`, with the traceback below, and without extra fields."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S.%f")[:-3]
        word = _WORDS.get(record.levelname, record.levelname.lower())
        context = current_context.get()
        # The real host does not know the logger's name, so it shows the function's.
        category = record.name if context is None else f"Function.{context.function_name}.User"
        return f"{time} {word} {category} · {record.message}"


class _JsonFormatter(logging.Formatter):
    """One JSON object per record, on one line."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (context := current_context.get()) is not None:
            entry |= {"function_name": context.function_name, "invocation_id": context.invocation_id}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        extra = {key: it for key, it in vars(record).items() if key not in _STANDARD and not key.startswith("_")}
        return json.dumps(entry | extra, default=str, ensure_ascii=False)


def show_logs(log_file: Path | None) -> None:
    """Write the app's records to stderr from now on, and to `log_file` if given."""
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    handlers[0].setFormatter(_ReadableFormatter())
    if log_file is not None:
        with explained(f"cannot write log file {log_file}"):
            log_file.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(logging.FileHandler(log_file, encoding="utf-8"))
        handlers[-1].setFormatter(_JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=handlers)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def unheard() -> Iterator[None]:
    """Drop all records, as the worker does while it imports and indexes the app."""
    before = logging.root.manager.disable
    logging.disable()
    try:
        yield
    finally:
        logging.disable(before)
