"""Chaos tests: break every part of a run at seeded moments, then compare the queue with the source.

Enters: a seed. Leaves: one line that says whether an id was lost. Never deployed; `docs/chaos.md` says what is broken
and what that proves.
"""
