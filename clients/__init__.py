"""Durable client functions: the HTTP side of a run, from its start to its report."""
