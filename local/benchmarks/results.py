"""The CSV files: `local/benchmarks/results/NAME.csv` for full measurements, `.sluice/benchmarks/NAME.csv` for trials.

The first line has the time and the machine; a full measurement also writes its table into `docs/benchmarks.md`.
"""

import csv
import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from local.benchmarks.findings import Row

ROOT = Path(__file__).parents[2]
FULL = ROOT / "local" / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
TRIAL = ROOT / ".sluice" / "benchmarks"
PACKAGES = ("aiohttp", "azure-functions-durable", "azure-storage-blob", "azure-storage-queue", "httpx")


def machine() -> str:
    """Return the time, and the relevant facts about machine and packages."""
    try:
        processors = re.findall(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        processors = []
    facts = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": (processors or [platform.processor()])[0],
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }
    return ", ".join(f"{name} {fact}" for name, fact in facts.items())


def write(scenario: str, rows: Sequence[Row], facts: str, *, folder: Path) -> Path:
    """Replace the scenario's CSV file; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{scenario}.csv"
    with file.open("w", newline="", encoding="utf-8") as text:
        text.write(f"# {facts}\n")
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return file


def put_on_page(scenario: str, table: str, facts: str) -> None:
    """Replace the table between the markers of a scenario in docs/benchmarks.md."""
    begin, end = f"<!-- {scenario} -->", "<!-- end -->"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    PAGE.write_text(f"{before}{begin}\n\n{table}\n\n<sub>{facts}</sub>\n\n{end}{after}", encoding="utf-8")
