"""One file for each scenario; the file's name is the scenario's name.

The first line of the docstring says what the scenario measures. `SIZE` is the size of a full measurement, in the
scenario's own unit; `REPEATS` says how often it is repeated. `measure(size, repeat, folder)` measures all contestants
one after another, and yields the name and the figures of each. `COLUMNS` and `RATIOS` define the `BENCH` line; a ratio
divides one contestant's figure by the largest figure of the others. A scenario with its own kind of
table has `table(rows)`, `line(rows)` and `bad(rows)` instead; the command fails if `bad` returns anything.
"""
