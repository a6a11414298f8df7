"""The terminal: `sluice`, commands that show and control runs over the HTTP API of an app.

It is a separate program and is not deployed. Only `plan --url` imports code of the app, to read a source. Data goes to
stdout, progress and hints go to stderr; `ending.py` has the exit codes.
"""
