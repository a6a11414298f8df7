"""Named benchmarks: `python -m local.benchmarks NAME` (make bench SCENARIO=NAME); without a name, list them.

Input: the name of a module in `local/benchmarks/scenarios/`. Output: a CSV file, a table, and one `BENCH` line.
"""
