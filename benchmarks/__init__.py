"""Measurements with names: `python -m benchmarks NAME` (make bench SCENARIO=NAME), or no name for the list of them.

Enters: the name of a module in `benchmarks/scenarios/`. Leaves: a table, a CSV file, and one `BENCH` line.
"""
