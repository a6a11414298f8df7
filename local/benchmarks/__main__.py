"""`python -m local.benchmarks [NAME] [--size N] [--repeats N]`: run one scenario, or list them all."""

import argparse
import ast
import importlib
import sys
from pathlib import Path

from local.benchmarks import results
from local.benchmarks.findings import Findings, bench_line, table
from local.benchmarks.machine import machine

SCENARIOS = Path(__file__).parent / "scenarios"
REPEATS = 5


def names() -> dict[str, str]:
    """Every scenario and what it measures: the first line of its docstring, read without importing it."""
    files = sorted(file for file in SCENARIOS.glob("*.py") if file.stem != "__init__")
    return {file.stem: (ast.get_docstring(ast.parse(file.read_text())) or "").split("\n")[0] for file in files}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.benchmarks", description="Measurements with names.")
    parser.add_argument("scenario", nargs="?", choices=names(), help="without one, list them")
    parser.add_argument("--size", type=int, help="instead of the scenario's own; the result is then a trial")
    parser.add_argument("--repeats", type=int, help="likewise; most scenarios have 5")
    arguments = parser.parse_args()
    if arguments.scenario is None:
        print("make bench SCENARIO=NAME [SIZE=...] [REPEATS=...]\n")
        print("\n".join(f"  {name:<14} {about}" for name, about in names().items()))
        return 0
    scenario = importlib.import_module(f"local.benchmarks.scenarios.{arguments.scenario}")
    whole = (scenario.SIZE, getattr(scenario, "REPEATS", REPEATS))
    size, repeats, facts = arguments.size or whole[0], arguments.repeats or whole[1], machine()
    print("\n".join(f"{name}: {fact}" for name, fact in facts.items()), flush=True)
    found: Findings = scenario.measure(size, repeats)
    full = (size, repeats) == whole
    file = results.write(arguments.scenario, found.rows, facts, full=full)
    print(f"\n{table(found.rows)}\n\nwritten to {file.relative_to(results.ROOT)}")
    print(bench_line(arguments.scenario, found.line), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
