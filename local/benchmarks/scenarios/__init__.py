"""One file per scenario, found by its name.

A scenario is a module with a docstring whose first line says what it measures, `SIZE` (how large a full measurement
is, in whatever the scenario counts) and `REPEATS`, and `measure(size, repeat, folder)`: in each repeat it measures all
contestants side by side, one after another, and yields the name and the figures of each. `COLUMNS` and `RATIOS` (of
one column, between one contestant and the largest of the others) say what stands in the `BENCH` line. A scenario whose
findings are words has `table(rows)`, `line(rows)` and `bad(rows)` in their place; a bad row makes the command fail.
"""
