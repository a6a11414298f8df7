"""Runs under fire: everything that can break is broken at seeded moments, and the queue is compared with the source.

Enters: a seed. Leaves: one line that says whether an id was lost. Never deployed; `docs/chaos.md` tells what is broken
and what it proves.
"""
