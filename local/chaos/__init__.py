"""Chaos tests: break every part of a run at seeded moments, then compare the queue with the source.

Input: a seed. Output: one line that says whether an id was lost. This package is never deployed; `docs/chaos.md` says
what it breaks and what that proves.
"""
