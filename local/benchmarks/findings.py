"""Summarise measured rows as medians, ranges and ratios, for people and scripts."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

Value = str | int | float
Figures = dict[str, Value]
Row = Mapping[str, Value]  # `contestant`, `repeat`, and figures; 0 means that the contestant gave up


def of(rows: Iterable[Row], contestant: str, column: str) -> list[float]:
    """Return a contestant's figures in a column, in the order of the repeats, without repeats in which it gave up."""
    return [float(row[column]) for row in rows if row["contestant"] == contestant and float(row[column])]


def number(value: float) -> str:
    """Return a number with four significant digits and no exponent: `0.06548`, `1,234,568`."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def spread(values: Sequence[float], repeats: int) -> str:
    """Return median and range of repeated measurements: `1.23 (1.20-1.31)`."""
    if not values:
        return "-"
    text = number(median(values))
    if len(set(values)) > 1:
        text += f" ({number(min(values))}-{number(max(values))})"
    return text if len(values) == repeats else f"{text}, {len(values)} of {repeats}"


def table(rows: Sequence[Row]) -> str:
    """Return a Markdown line for each contestant: the median of each column, with its range if it has one."""
    columns = [name for name in rows[0] if name not in ("contestant", "repeat")]
    lines = ["| contestant | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for contestant in dict.fromkeys(str(row["contestant"]) for row in rows):
        repeats = sum(row["contestant"] == contestant for row in rows)
        cells = [spread(of(rows, contestant, column), repeats) for column in columns]
        lines.append(f"| {contestant} | {' | '.join(cells)} |")
    return "\n".join(lines)


def ratio(rows: Sequence[Row], column: str, above: str, *below: str) -> float | None:
    """Return the median of a ratio over the repeats: the figure of `above` divided by the largest figure of `below`."""
    sides = [of(rows, contestant, column) for contestant in (above, *below)]
    if len({len(side) for side in sides}) > 1 or not sides[0]:
        return None  # a contestant gave up, or does not run at this size
    return float(median(figures[0] / max(figures[1:]) for figures in zip(*sides, strict=True)))


def bench_line(rows: Sequence[Row], columns: Iterable[str], ratios: Mapping[str, tuple[str, ...]]) -> str:
    """Return `key=value ...`: the medians of these columns for each contestant, then the ratios."""
    pairs: dict[str, float | None] = {}
    for contestant in dict.fromkeys(str(row["contestant"]) for row in rows):
        for column in columns:
            values = of(rows, contestant, column)
            pairs[f"{contestant.replace(' ', '_')}_{column}"] = median(values) if values else None
    pairs |= {name: ratio(rows, *of_what) for name, of_what in ratios.items()}
    return " ".join(f"{key}={'none' if value is None else f'{value:.6g}'}" for key, value in pairs.items())
