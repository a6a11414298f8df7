"""What share of a run's messages may fail."""

import re
from fractions import Fraction
from typing import Any

from ingestion.contracts import Sums
from ingestion.errors import InvalidInput, shown

DEFAULT = "0%"
MOST = 50
ALLOWED = f'a percentage of the messages of the run, such as "1%", from "0%" to "{MOST}%"'
# Before this many chunks, or this percentage of the source's total, are done, the share of failures says little.
SAMPLE_CHUNKS, SAMPLE_SHARE = 20, 10


def read_tolerance(given: Any) -> str:
    """Return the tolerance without spaces, such as `"1%"`. Raise InvalidInput for anything else."""
    text = str(given).replace(" ", "")
    match = re.fullmatch(r"(\d{1,3}(?:\.\d{1,3})?)%", text, re.ASCII)
    if match is None or Fraction(match[1]) > MOST:
        raise InvalidInput("tolerated_failures", f"{shown(given)} is not allowed", ALLOWED)
    return text


def is_exceeded(tolerance: str, failed: int, done: Sums, total: int | None, *, is_end: bool) -> bool:
    """Return whether more of the done messages failed than `tolerance` allows.

    Before the end of the run, a share is exceeded only once enough is done to judge it. 0% is exceeded by the first
    failed message.
    """
    tolerated = Fraction(tolerance.rstrip("%"))
    is_sample = done.chunks >= SAMPLE_CHUNKS or (total is not None and done.messages * 100 >= total * SAMPLE_SHARE)
    return (is_end or is_sample or not tolerated) and failed * 100 > tolerated * done.messages
