"""`python -m local.demo.still`: draw the picture of the terminal in README and docs, from fixed answers."""

import io
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from terminal.report import next_steps, report
from terminal.view import block

FILE = Path(__file__).parents[2] / "docs" / "images" / "terminal.svg"
NO_FONTS = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)  # they are on another host
COLUMNS = 92
NOW = datetime(2026, 1, 5, 6, 6, 52, tzinfo=UTC)
RESTS_ON = "1,368 messages a second lately, and the source's own total of 1,000,000"
RUN: dict[str, Any] = {
    "run_id": "orders-2026-01", "source": "orders", "status": "running", "started_at": "2026-01-05T06:00:00+00:00",
    "progress": {
        "fetched": 700_000, "enqueued": 519_988, "rejected": 12, "failed": 5_000, "pending": 175_000,
        "chunks_done": 105, "chunks_total": 140, "source_exhausted": False, "source_total": 1_000_000,
        "counts_at": NOW.isoformat(),
    },
    "rate": {"now": 1368.0}, "report": None, "error": None,
    "estimate": {"seconds_left": 351.0, "rests_on": RESTS_ON},
}  # fmt: skip
REFUSED = "the queue answered HTTP 403 (AuthorizationFailure); check the role of the app's identity"
ENDED = RUN | {
    "status": "completed_with_failures", "actions": ["redrive", "delete"],
    "report": {
        "fetched": 1_000_000, "enqueued": 994_988, "rejected": 12, "failed": 5_000, "pending": 0, "seconds": 763.0,
        "source_total": 1_000_000, "failures": [{"chunk": 23, "failed": 5_000, "error": REFUSED}], "warnings": [],
    },
}  # fmt: skip


def still() -> str:
    """Return the SVG: a run under `sluice watch`, and its end."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False)
    typed, later = Text("$ sluice watch orders-2026-01", "bold"), Text("… and six minutes later:", "dim italic")
    console.print(typed, block(RUN, NOW), later, *report(ENDED), sep="\n")
    for command, what in next_steps(ENDED):
        console.print(f"next: sluice {command} orders-2026-01  {what}", style="dim")
    return console.export_svg(title="sluice", code_format=NO_FONTS, unique_id="still") + "\n"


def main() -> int:
    FILE.write_text(still(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
