"""What follows from a history: an orchestrator is replayed, and a turn is decided, without any I/O."""
