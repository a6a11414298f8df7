"""Structured log records: a constant message, an `action`, and the facts.

A record holds the facts twice: as JSON after the message, because the Functions worker forwards only the text, and as
fields for handlers that read them (such as devhost's log file). Spans and metrics get the facts from here too.
`docs/monitoring.md` lists the actions.
"""

import json
import logging
from typing import Any

from ingestion import telemetry
from ingestion.concealed import conceal

NAMES = ("run_id", "source")  # people search for these, so they are never concealed

logger = logging.getLogger("sluice")

# At level INFO these libraries log the full URL of each request, and the worker forwards it. The URL may hold a key.
for name in ("httpx", "azure.core.pipeline.policies.http_logging_policy"):
    logging.getLogger(name).setLevel(logging.WARNING)


def log(action: str, message: str, *, level: int = logging.INFO, **facts: Any) -> None:
    """Log `message` (constant) with `action` and `facts`: counts, indexes, names; never items, tokens or full URLs."""
    record = {"action": action, **{name: _shown(name, fact) for name, fact in facts.items()}}
    logger.log(level, f"{message} %s", json.dumps(record, ensure_ascii=False, default=str), extra=record)
    telemetry.note(action, record)


def _shown(name: str, fact: Any) -> Any:
    return conceal(fact) if isinstance(fact, str) and name not in NAMES else fact


def log_refusal(request: Any, reason: str) -> None:
    """Log that the ledger of the request's run could not be read or written."""
    log(
        "ledger_refused",
        "the ledger could not be read or written",
        level=logging.WARNING,
        run_id=request.run.id,
        reason=reason,
    )
