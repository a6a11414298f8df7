"""`python -m local.benchmarks.report`: the tables and plots of docs/benchmarks.md, drawn from the CSV files.

Enters: `local/benchmarks/results/*.csv`. Leaves: between the markers `<!-- NAME -->` and `<!-- end -->` of the page a
table of medians and ranges, and for some scenarios a plot in `docs/`. Other numbers of the page are by hand.
"""

import re
import sys
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from local.benchmarks import results
from local.benchmarks.findings import median, number, spread

PAGE = results.ROOT / "docs" / "benchmarks.md"
NOT_COLUMNS = ("contestant", "repeat")
PLOTS = {  # scenario: the column to draw, and its axis
    "put": ("cpu_ms", "CPU per message, ms (log scale)"),
    "seed": ("per_second", "ids a second (log scale)"),
    "run": ("per_second", "messages a second"),
    "orchestration": ("cpu_ms_per_chunk", "CPU of the orchestrator per chunk, ms (log scale)"),
}

OURS = ("sluice", "raw", "packed", "ingest_run")

Rows = list[dict[str, str]]


def table(rows: Rows) -> str:
    """One line a contestant: the median of each column, with its range where it has one."""
    columns = [name for name in rows[0] if name not in NOT_COLUMNS]
    lines = ["| contestant | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for contestant, values in by_contestant(rows, columns).items():
        lines.append(f"| {contestant} | " + " | ".join(shown(values[name]) for name in columns) + " |")
    return "\n".join(lines)


def by_contestant(rows: Rows, columns: list[str]) -> dict[str, dict[str, list[float]]]:
    """The repeats of each column of each contestant, in the order of the file."""
    names = dict.fromkeys(row["contestant"] for row in rows)
    return {
        name: {column: [float(row[column]) for row in rows if row["contestant"] == name] for column in columns}
        for name in names
    }


def shown(values: list[float]) -> str:
    """Median and range of the repeats that have a figure: a contestant that gave up has 0 in its row."""
    told = [value for value in values if value]
    if not told:
        return "-"
    text = number(told[0]) if len(set(told)) == 1 else spread(told)
    return text if len(told) == len(values) else f"{text}, {len(told)} of {len(values)}"


def draw(scenario: str, rows: Rows, file: Path) -> None:
    """A dot for each contestant at its median, and a line over the range of its repeats.

    Dots, not bars: on a logarithmic axis the length of a bar depends on where the axis begins.
    """
    column, axis = PLOTS[scenario]
    columns = by_contestant(rows, [column])
    sample = {name: values[column] for name, values in columns.items() if all(values[column])}
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


def main() -> int:
    page = PAGE.read_text(encoding="utf-8")
    for scenario in re.findall(r"<!-- (\w+) -->\n", page):
        if scenario == "end" or not (results.FULL / f"{scenario}.csv").exists():
            continue
        rows = results.read(scenario)
        text = table(rows)
        if scenario in PLOTS:
            file = PAGE.with_name(f"benchmark-{scenario}.svg")
            draw(scenario, rows, file)
            text += f"\n\n![{scenario}]({file.name})"
        facts = ", ".join(f"{name} {fact}" for name, fact in results.facts(scenario).items())
        start = page.index(f"<!-- {scenario} -->\n") + len(f"<!-- {scenario} -->\n")
        page = f"{page[:start]}\n{text}\n\n<sub>{facts}</sub>\n\n{page[page.index('<!-- end -->', start) :]}"
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
