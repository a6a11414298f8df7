"""Replay an orchestrator over its history and decide what happens next, without any I/O."""
