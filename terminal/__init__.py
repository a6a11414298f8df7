"""The terminal: `sluice`, commands that look at runs and steer them over the HTTP API of an app.

It is a program of its own: it imports nothing of the app but, for `plan --url`, the reading of a source, and it is not
deployed. Data goes to stdout, progress and hints to stderr; how a command ends is in `ending.py`.
"""
