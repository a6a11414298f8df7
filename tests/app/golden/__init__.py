"""Histories of runs as releases of the app left them; newer code has to go on with each, from any point of it.

`python -m tests.app.golden.record RELEASE` writes the histories of a release beside this file, once, when it is made.
A folder that is there is never written again: a run of that release may still be in flight.
"""
