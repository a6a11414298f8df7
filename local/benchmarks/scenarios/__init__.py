"""One file per scenario, found by its name.

A scenario is a module with a docstring whose first line says what it measures, the constant `SIZE` (how large a full
measurement is, in whatever the scenario counts) and the function `measure(size: int, repeats: int) -> Findings`.
It compares its contestants side by side: each repeat measures all of them, one after another.
"""
