"""How many failed chunks a run may have before it stops: a count, or a share of the chunks done."""

import re

from ingestion.errors import InvalidInput

DEFAULT = "10"
ALLOWED = 'a number of chunks such as 10, or a percentage of the chunks done such as "5%"'


def read_tolerance(given: int | str) -> str:
    """Return the tolerance in its one written form, `"10"` or `"5%"`. Raise InvalidInput for anything else."""
    text = str(given).replace(" ", "")
    match = re.fullmatch(r"(\d{1,9})|(\d{1,3}(?:\.\d{1,3})?)%", text)
    if isinstance(given, bool) or match is None or (match[2] and float(match[2]) > 100):
        raise InvalidInput("tolerated_failures", f"{given!r} is neither", ALLOWED)
    return text


def is_exceeded(tolerance: str, chunks_failed: int, chunks_done: int) -> bool:
    """Return whether more chunks failed than `tolerance` allows."""
    if tolerance.endswith("%"):
        return chunks_failed * 100 > float(tolerance[:-1]) * chunks_done
    return chunks_failed > int(tolerance)
