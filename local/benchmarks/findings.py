"""What a scenario found: the rows for the CSV file, and the key=value pairs of its `BENCH` line."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

Value = str | int | float
Row = dict[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """`rows`: one for each contestant and repeat, all with the same columns. `line`: what they come to."""

    rows: list[Row]
    line: Row


def spread(values: Iterable[float]) -> str:
    """Median and range of repeated measurements, as people read them: `1.23 (1.20-1.31)`."""
    sample = list(values)
    return f"{number(median(sample))} ({number(min(sample))}-{number(max(sample))})"


def number(value: float) -> str:
    """Four digits that count, and none of an exponent: `0.06548`, `1,234,568`."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def of(rows: Iterable[Row], contestant: str, column: str) -> list[float]:
    """The numbers of one contestant in one column, in the order of the repeats."""
    return [float(row[column]) for row in rows if row["contestant"] == contestant]


def median_ratio(rows: list[Row], column: str, above: str, below: str) -> float:
    """The median over the repeats of `above / below`; contestants of one repeat ran side by side."""
    pairs = zip(of(rows, above, column), of(rows, below, column), strict=True)
    return median(numerator / denominator for numerator, denominator in pairs)


def bench_line(scenario: str, line: Row) -> str:
    """`BENCH scenario=... key=value ...`, for people and scripts."""
    pairs = {"scenario": scenario, **line}
    return "BENCH " + " ".join(f"{key}={_shown(value)}" for key, value in pairs.items())


def table(rows: list[Row]) -> str:
    """The rows in columns, for the terminal."""
    if not rows:
        return "(no rows)"
    cells = [list(rows[0]), *([_shown(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)) for line in cells)


def _shown(value: Value) -> str:
    return (
        f"{value:.4g}"
        if isinstance(value, float) and abs(value) < 1000
        else str(round(value, 1) if isinstance(value, float) else value)
    )
