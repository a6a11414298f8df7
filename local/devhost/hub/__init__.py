"""The task hub: keeps instances in the state file, and everything moving."""
