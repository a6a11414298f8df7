"""Named benchmarks: `python -m local.benchmarks NAME` (make bench SCENARIO=NAME); without a name, list them.

Enters: the name of a module in `local/benchmarks/scenarios/`. Leaves: a CSV file, a table, and one `BENCH` line.
"""
