"""The domain in plain Python: runs, reading a source, sending messages.

Nothing here imports Azure Functions or Durable Functions; the thin shells in `clients`, `orchestrators` and
`activities` do.
"""
