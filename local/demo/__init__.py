"""The way of an id, to watch: a paginated API, a storage emulator and the app on devhost, started with one command.

`python -m local.demo.run` sends ids and checks that each arrived; `python -m local.demo.serve` keeps everything up.
Nothing here imports the app: what checks the app must not share its mistakes.
"""
