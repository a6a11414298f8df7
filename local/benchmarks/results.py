"""The CSV files: `local/benchmarks/results/NAME.csv` for full measurements, `.sluice/benchmarks/NAME.csv` for others.

Facts about the machine stand above the rows, in lines that start with `#`; `docs/benchmarks.md` is drawn from the rows.
"""

import csv
from datetime import UTC, datetime
from pathlib import Path

from local.benchmarks.findings import Row

ROOT = Path(__file__).parents[2]
FULL = ROOT / "local" / "benchmarks" / "results"
TRIAL = ROOT / ".sluice" / "benchmarks"


def write(scenario: str, rows: list[Row], facts: dict[str, str], *, full: bool) -> Path:
    """Write the rows of one run of a scenario over those of the run before; returns the file."""
    folder = FULL if full else TRIAL
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{scenario}.csv"
    with file.open("w", newline="", encoding="utf-8") as text:
        for name, fact in {"measured_at": datetime.now(UTC).isoformat(timespec="seconds"), **facts}.items():
            text.write(f"# {name}: {fact}\n")
        writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return file


def read(scenario: str, folder: Path = FULL) -> list[dict[str, str]]:
    """The rows of the last full measurement."""
    with (folder / f"{scenario}.csv").open(encoding="utf-8") as text:
        return list(csv.DictReader(line for line in text if not line.startswith("#")))


def facts(scenario: str, folder: Path = FULL) -> dict[str, str]:
    """When and on what the last full measurement was made."""
    with (folder / f"{scenario}.csv").open(encoding="utf-8") as text:
        return dict(line[2:].rstrip("\n").split(": ", 1) for line in text if line.startswith("# "))
