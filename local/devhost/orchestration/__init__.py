"""Replay an orchestrator over its history and decide its turn, without any I/O."""
