"""The task hub: stores instances in the state file and runs their work."""
