"""Durable client functions: the HTTP API, the keeper and the scheduler."""
