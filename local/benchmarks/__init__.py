"""Measurements with names: `python -m local.benchmarks NAME` (make bench SCENARIO=NAME); no name lists them.

Enters: the name of a module in `local/benchmarks/scenarios/`. Leaves: a CSV file, a table, and one `BENCH` line.
"""
