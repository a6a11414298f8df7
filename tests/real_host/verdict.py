"""Judge the rows of one part, for a test and for a person."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.real_host.known import idle, reason
from tests.real_host.rows import Row

_LONGEST = 400


def problems(part: str, rows: Sequence[Row]) -> list[str]:
    """Return the unexplained differences, and the entries that explain nothing."""
    found = [
        f"{part}: {row.case}: {row.what}\n    real host: {_short(row.real)}\n    devhost:   {_short(row.here)}"
        for row in rows
        if not row.agrees and reason(part, row) is None
    ]
    return found + [f"{part}: the entry {entry} explains no difference: drop it" for entry in idle(part, rows)]


def summary(part: str, rows: Sequence[Row]) -> str:
    """Return one line: how many cases and rows were compared, and how many differ for which reason."""
    reasons = Counter(reason(part, row) or "NOT LISTED" for row in rows if not row.agrees)
    differing = ", ".join(f"{name} {count}" for name, count in sorted(reasons.items())) or "none"
    cases = len({row.case for row in rows})
    agreed = sum(row.agrees for row in rows)
    return f"{part:<28} {cases:>4} cases  {len(rows):>5} rows  {agreed:>5} agree  differ: {differing}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} … ({len(text)} characters)"
