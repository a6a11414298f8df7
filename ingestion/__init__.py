"""The domain in plain Python: what a run is, how a source is read, how messages are sent.

Nothing here knows Azure Functions or Durable Functions; the folders `clients`, `orchestrators` and `activities` are the
thin shells that do.
"""
