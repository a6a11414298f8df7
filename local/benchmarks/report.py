"""`python -m local.benchmarks.report`: the tables and plots of docs/benchmarks.md, drawn from the CSV files.

Enters: `local/benchmarks/results/*.csv`. Leaves: between the markers `<!-- NAME -->` and `<!-- end -->` of the page a
table of medians and ranges, and for some scenarios a plot in `docs/`. Other numbers of the page are by hand.
"""

import re
import sys
from pathlib import Path
from statistics import median

from matplotlib import rc_context
from matplotlib.figure import Figure

from local.benchmarks import results
from local.benchmarks.findings import Row, number, of, table

PAGE = results.ROOT / "docs" / "benchmarks.md"
PLOTS = {  # scenario: the column to draw, and its axis
    "put": ("cpu_ms", "CPU per message, ms (log scale)"),
    "seed": ("per_second", "ids a second (log scale)"),
    "run": ("per_second", "messages a second"),
    "orchestration": ("cpu_ms_per_chunk", "CPU of the orchestrator per chunk, ms (log scale)"),
}
OURS = ("sluice", "raw", "packed", "ingest_run")


def draw(rows: list[Row], column: str, axis: str, file: Path) -> None:
    """Draw a dot for each contestant at its median, and a line over the range of its repeats.

    Dots, not bars: on a logarithmic axis the length of a bar depends on where the axis begins.
    """
    sample = {name: of(rows, name, column) for name in dict.fromkeys(str(row["contestant"]) for row in rows)}
    sample = {name: values for name, values in sample.items() if values}  # without those that gave up
    figure = Figure(figsize=(6.4, 0.8 + 0.35 * len(sample)), layout="constrained")
    plot = figure.subplots()
    for row, (name, values) in enumerate(sample.items()):
        colour = "#2a7f62" if name.split()[0] in OURS else "#7b8794"
        middle = median(values)
        plot.hlines(row, min(values), max(values), color=colour)
        plot.plot(middle, row, "o", color=colour)
        plot.annotate(number(middle), (max(values), row), (6, 0), textcoords="offset points", va="center", color=colour)
    plot.set_yticks(range(len(sample)), list(sample))
    plot.set_ylim(len(sample) - 0.5, -0.5)
    plot.set_xlabel(axis)
    if "log" in axis:
        plot.set_xscale("log")
        plot.margins(x=0.18)
    else:
        plot.set_xlim(0, 1.15 * max(max(values) for values in sample.values()))
    plot.grid(axis="x", color="#e4e7eb")
    plot.set_axisbelow(True)
    with rc_context({"svg.hashsalt": "sluice"}):  # the same figures give the same file
        figure.savefig(file, metadata={"Date": None})


def section(scenario: str) -> str:
    """Return what stands between the markers of a scenario, and draw its plot."""
    facts, rows = results.read(scenario)
    text = table(rows)
    if scenario in PLOTS:
        file = PAGE.with_name(f"benchmark-{scenario}.svg")
        draw([*rows], *PLOTS[scenario], file)
        text += f"\n\n![{scenario}]({file.name})"
    return f"<!-- {scenario} -->\n\n{text}\n\n<sub>{facts}</sub>\n\n<!-- end -->"


def main() -> int:
    between = re.compile(r"<!-- (\w+) -->\n.*?<!-- end -->", re.DOTALL)
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(between.sub(lambda found: section(found[1]), page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
