"""`python -m local.benchmarks [NAME] [--size N] [--repeats N]`: run one scenario, or list them all."""

import argparse
import ast
import importlib
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from local.benchmarks import results
from local.benchmarks.findings import Row, bench_line, table

SCENARIOS = Path(__file__).parent / "scenarios"


def names() -> dict[str, str]:
    """Return the scenarios, each with the first line of its docstring, without importing them."""
    files = sorted(file for file in SCENARIOS.glob("*.py") if file.stem != "__init__")
    return {file.stem: (ast.get_docstring(ast.parse(file.read_text())) or "").split("\n")[0] for file in files}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.benchmarks", description="Run a named benchmark.")
    parser.add_argument("scenario", nargs="?", choices=names(), help="name of a scenario; without one, list them")
    parser.add_argument("--size", type=int, help="a size other than the scenario's own; the result is then a trial")
    parser.add_argument("--repeats", type=int, help="number of repeats (default: the scenario's own, 3 or 5)")
    arguments = parser.parse_args()
    if arguments.scenario is None:
        print("make bench SCENARIO=NAME [SIZE=...] [REPEATS=...]\n")
        print("\n".join(f"  {name:<14} {about}" for name, about in names().items()))
        return 0
    scenario = importlib.import_module(f"local.benchmarks.scenarios.{arguments.scenario}")
    size, repeats, facts = arguments.size or scenario.SIZE, arguments.repeats or scenario.REPEATS, results.machine()
    print(facts, flush=True)
    rows: list[Row] = []
    for repeat in range(repeats):
        with TemporaryDirectory() as folder:
            for contestant, figures in scenario.measure(size, repeat, Path(folder)):
                rows.append({"contestant": contestant, "repeat": repeat, **figures})
                print(*rows[-1].values(), flush=True)
    is_full = (size, repeats) == (scenario.SIZE, scenario.REPEATS)
    file = results.write(arguments.scenario, rows, facts, folder=results.FULL if is_full else results.TRIAL)
    if has_own_table := hasattr(scenario, "table"):
        shown, line = scenario.table(rows), scenario.line(rows)
    else:
        shown, line = table(rows), bench_line(rows, scenario.COLUMNS, scenario.RATIOS)
    if is_full:
        results.put_on_page(arguments.scenario, shown, facts)
    print(f"\n{shown}\n\nwritten to {file.relative_to(results.ROOT)}")
    print(f"BENCH scenario={arguments.scenario} {line}", flush=True)
    return int(has_own_table and bool(scenario.bad(rows)))


if __name__ == "__main__":
    sys.exit(main())
