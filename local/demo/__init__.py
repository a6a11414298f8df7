"""The local demo: a paginated API, a storage emulator and the app on devhost, started with one command.

`python -m local.demo.run` sends ids and checks that each one arrived; `python -m local.demo.serve` keeps everything
running. Nothing here imports the app, so that the check cannot share a mistake with it.
"""
