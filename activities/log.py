"""Structured log records: a constant message, an `action`, and the facts.

The facts stand twice in a record: as JSON behind the message, since the Functions worker hands nothing else on, and as
fields of their own for handlers that take those (OpenTelemetry, where they become custom dimensions; devhost's log
file). `docs/monitoring.md` lists the actions.
"""

import json
import logging
from typing import Any

logger = logging.getLogger("sluice")

# Each logs the whole URL of each request, which may hold a key, and the worker hands on all that is INFO.
for name in ("httpx", "azure.core.pipeline.policies.http_logging_policy"):
    logging.getLogger(name).setLevel(logging.WARNING)


def log(action: str, message: str, *, level: int = logging.INFO, **facts: Any) -> None:
    """Log `message` (constant) with `action` and `facts`: counts, indexes, names; never ids, tokens or full URLs."""
    record = {"action": action, **facts}
    logger.log(level, f"{message} %s", json.dumps(record, ensure_ascii=False, default=str), extra=record)


def log_refusal(run_id: str, reason: str) -> None:
    """Log that a ledger refused what an activity asked of it."""
    log(
        "ledger_refused",
        "the ledger could not be read or written",
        level=logging.WARNING,
        run_id=run_id,
        reason=reason,
    )
