"""Structured log records: a constant message, an `action`, and the facts as fields of their own.

In Azure the fields show up as custom dimensions of the trace. `docs/monitoring.md` lists the actions.
"""

import logging
from typing import Any

logger = logging.getLogger("sluice")


def log(action: str, message: str, *, level: int = logging.INFO, **facts: Any) -> None:
    """Log `message` (constant) with `action` and `facts`: counts, indexes, names; never ids, tokens or full URLs."""
    logger.log(level, message, extra={"action": action, **facts})
