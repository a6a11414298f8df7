"""One file per scenario, found by its name.

A scenario is a module with a docstring whose first line says what it measures, with `SIZE` (of a full measurement, in a
unit of its own), `REPEATS`, and `measure(size, repeat, folder)`: in each repeat it measures all contestants one after
another, and yields the name and the figures of each. `COLUMNS` and `RATIOS` (of a column, between a contestant and the
largest of the others) define the `BENCH` line. A scenario with results in words has `table(rows)`, `line(rows)` and
`bad(rows)` instead; a bad row makes the command fail.
"""
