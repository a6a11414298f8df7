"""Histories of runs of earlier releases; newer code has to continue each of them from any point.

`python -m tests.app.golden.record RELEASE` writes the histories of a release beside this file, once, when it is made.
Never write an existing folder again: a run of that release may still be in flight.
"""
